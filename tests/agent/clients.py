"""An UploadAgent in a test: what it sends, what becomes of it, and that nothing is left over."""

from __future__ import annotations

import enum
import itertools
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer as TwistedFileBodyProducer
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH

from filebody import FileBodyProducer, IterableBody, PathBody
from filebody.agent import Options, UploadAgent
from tests.integration.case import UploadCase
from tests.integration.eventually import until
from tests.peers import content
from tests.peers.certificates import Certificates

if TYPE_CHECKING:
    from pathlib import Path

reactor: Any = _reactor

SEED = 23
_PIECE = 10_007


class Kind(enum.Enum):
    """What a body is to the agent."""

    KNOWN = "known"
    """A file by its path."""
    UNKNOWN = "unknown"
    """A list of pieces, of unknown length: sent in chunks, and again if need be."""
    ONE_SHOT = "one_shot"
    """A generator of known length: one pass."""
    ONE_SHOT_UNKNOWN = "one_shot_unknown"
    PRODUCER = "producer"
    """Our producer, of an open file: it hands its reader over; one pass."""
    FOREIGN = "foreign"
    """Twisted's producer, which writes."""
    FOREIGN_UNKNOWN = "foreign_unknown"
    NONE = "none"


REPLAYABLE = (Kind.KNOWN, Kind.UNKNOWN)
ONE_SHOT = (Kind.ONE_SHOT, Kind.ONE_SHOT_UNKNOWN, Kind.PRODUCER, Kind.FOREIGN, Kind.FOREIGN_UNKNOWN)
EACH = (Kind.KNOWN, Kind.UNKNOWN, Kind.PRODUCER, Kind.FOREIGN, Kind.FOREIGN_UNKNOWN)


def pieces(size: int) -> Iterator[bytes]:
    for offset in range(0, size, _PIECE):
        yield content.generated(SEED, offset, min(_PIECE, size - offset))


def body_of(kind: Kind, path: Path, size: int) -> Any:
    """A body of this kind with the generated content; `path` is for its file if it has one."""
    if kind is Kind.NONE:
        return None
    if kind is Kind.UNKNOWN:
        return IterableBody(list(pieces(size)))
    if kind is Kind.ONE_SHOT:
        return IterableBody(pieces(size), length=size)
    if kind is Kind.ONE_SHOT_UNKNOWN:
        return IterableBody(pieces(size))
    content.write_file(path, SEED, size)
    if kind is Kind.KNOWN:
        return PathBody(path)
    if kind is Kind.PRODUCER:
        return FileBodyProducer(path.open("rb"))
    producer = TwistedFileBodyProducer(path.open("rb"))
    if kind is Kind.FOREIGN_UNKNOWN:
        producer.length = UNKNOWN_LENGTH
    return producer


class Collector(Protocol):
    """Takes a response's body; `ended` fires with why it ended."""

    def __init__(self) -> None:
        self.data = b""
        self.ended: Deferred[BaseException] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        assert reason.value is not None
        self.ended.callback(reason.value)


@attrs.frozen
class Outcome:
    """What became of a request.

    Attributes:
        error: With what the request failed, or None.
        response: What came instead of an error.
        body: What was delivered of the response's body.
        reason: Why that ended.
    """

    error: Exception | None = None
    response: Any = None
    body: bytes = b""
    reason: BaseException | None = None


async def outcome_of(request: Deferred[Any]) -> Outcome:
    """Wait for the end of a request and of its response."""
    try:
        response = await request
    except Exception as error:
        return Outcome(error)
    collector = Collector()
    response.deliverBody(collector)
    reason = await collector.ended
    return Outcome(None, response, collector.data, reason)


def headers_of(fields: tuple[tuple[bytes, bytes], ...]) -> Headers:
    headers = Headers()
    for name, value in fields:
        headers.addRawHeader(name, value)
    return headers


class AgentCase(UploadCase):
    """Makes agents that trust the tests' authority, and checks that each leaves nothing over.

    That is: no descriptor of a file, pipe or socket, no reader, writer or delayed call in the
    reactor, no busy thread in its pool.
    """

    # Generous: what takes longer hangs.
    timeout = 15

    certificates: Certificates

    @pytest.fixture(autouse=True)
    def _certificates(self, certificates: Certificates) -> None:
        self.certificates = certificates

    def make_agent(self, **settings: Any) -> UploadAgent:
        """An agent that is closed at the end of the test."""
        tls = ssl.create_default_context(cafile=str(self.certificates.authority))
        agent = UploadAgent(reactor, **{"tls": tls, **settings})
        self._agents.append(agent)
        return agent

    async def setUp(self) -> None:  # type: ignore[override]
        self._agents: list[UploadAgent] = []
        self._numbers = itertools.count()
        self._before = {
            "readers": set(reactor.getReaders()),
            "writers": set(reactor.getWriters()),
            "calls": set(reactor.getDelayedCalls()),
        }
        await super().setUp()

    async def tearDown(self) -> None:  # type: ignore[override]
        for agent in self._agents:
            agent.close()
        await super().tearDown()
        try:
            await until(lambda: not self.left_over())
        except AssertionError:
            raise AssertionError(f"left over: {self.left_over()}") from None

    def left_over(self) -> list[object]:
        """What there is now and was not before the test, except for the test's own timeout."""
        left: list[object] = [
            *(set(reactor.getReaders()) - self._before["readers"] - reactor._internalReaders)
        ]
        left += set(reactor.getWriters()) - self._before["writers"]
        left += [
            call
            for call in set(reactor.getDelayedCalls()) - self._before["calls"]
            # Those of who waits here: of trial, and of `until`.
            if not _belongs_to_tests(call)
        ]
        left += reactor.getThreadPool().working
        return left

    def new_path(self) -> Path:
        return self.directory / f"body-{next(self._numbers)}"

    def body_at(self, path: Path, kind: Kind, size: int) -> Any:
        return body_of(kind, path, size)

    def body(self, kind: Kind, size: int) -> Any:
        return body_of(kind, self.new_path(), size)

    def request(
        self,
        agent: UploadAgent,
        url: str,
        body: Any = None,
        options: Options | None = None,
        method: bytes = b"PUT",
        fields: tuple[tuple[bytes, bytes], ...] = (),
    ) -> Deferred[Any]:
        return agent.request(method, url.encode("ascii"), headers_of(fields), body, options=options)


def _belongs_to_tests(call: Any) -> bool:
    module = getattr(call.func, "__module__", "") or ""
    return module.startswith(("twisted.trial", "twisted.internet.task", "tests."))

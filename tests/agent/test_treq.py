"""treq's client on our agent, as its users use it."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest
import treq
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer as TwistedsProducer
from twisted.web.client import ResponseDone, readBody
from twisted.web.iweb import IResponse

from filebody import FileBodyProducer
from tests.agent.echo import LARGE_BYTES, PIECE, Echo
from tests.agent.sending import SendCase
from tests.integration.eventually import until
from tests.integration.pipes import write_slowly
from tests.peers import content
from tests.peers.stores import Stores

SIZE = 3_000_001


class _TreqCase(SendCase):
    __test__ = False

    async def begin(self) -> None:
        await super().begin()
        self.echo = Echo()
        self.echo.start()
        self.client = HTTPClient(self.agent)

    async def end(self) -> None:
        await super().end()
        await self.echo.stop()

    async def ask(self, method: str, path: str = "/", **named: Any) -> dict[str, Any]:
        response = await self.client.request(method, self.echo.url(path), **named)
        assert response.code == 200
        said: dict[str, Any] = await treq.json_content(response)
        return said


class TestWhatIsSent(_TreqCase):
    __test__ = True

    stores: Stores

    @pytest.fixture(autouse=True)
    def _stores(self, stores: Stores) -> None:
        self.stores = stores

    async def test_params(self) -> None:
        said = await self.ask("GET", "/p?a=1", params={"b": ["2", "ü"]})
        assert (said["path"], said["args"]) == ("/p", {"a": ["1"], "b": ["2", "Ã¼"]})

    async def test_json(self) -> None:
        said = await self.ask("POST", json={"word": "ü"})
        assert json.loads(said["content"]) == {"word": "ü"}
        assert said["fields"]["content-type"][0].startswith("application/json")

    async def test_form(self) -> None:
        said = await self.ask("POST", data={"a": "1 2"})
        assert said["args"] == {"a": ["1 2"]}

    async def test_bytes(self) -> None:
        said = await self.ask("PUT", data=b"these")
        assert (said["method"], said["content"]) == ("PUT", "these")
        assert said["fields"]["content-length"] == ["5"]

    async def test_nothing(self) -> None:
        for method in ("GET", "POST", "DELETE"):
            assert (await self.ask(method))["length"] == 0
        response = await self.client.head(self.echo.url("/"))
        assert await treq.content(response) == b""

    async def test_fields(self) -> None:
        said = await self.ask("GET", headers={"X-Many": ["1", "2"], "User-Agent": "me"})
        assert said["fields"]["x-many"] == ["1", "2"]
        assert said["fields"]["user-agent"] == ["me"]

    async def test_cookies(self) -> None:
        await self.ask("GET", "/cookie")
        said = await self.ask("GET", cookies={"more": "cream"})
        assert said["cookies"] == {"flavour": "plain", "more": "cream"}

    async def test_cookies_of_a_redirection(self) -> None:
        """treq follows it, and keeps what it sets."""
        said = await self.ask("GET", "/cookie-moved")
        assert (said["path"], said["cookies"]) == ("/found", {"flavour": "plain"})
        assert (await self.ask("GET"))["cookies"] == {"flavour": "plain"}

    async def test_authentication(self) -> None:
        response = await self.client.get(self.echo.url("/private"))
        assert response.code == 401
        assert await treq.text_content(response) == "who are you?"
        await self.ask("GET", "/private", auth=("me", "secret"))

    async def test_redirection(self) -> None:
        said = await self.ask("GET", "/moved")
        assert said["path"] == "/found"
        response = await self.client.get(self.echo.url("/moved"), allow_redirects=False)
        assert response.code == 307
        await treq.content(response)

    async def test_producers(self) -> None:
        path = content.write_file(self.directory / "source", 7, SIZE)
        expected = content.generated(7, 0, SIZE).decode("latin-1")
        for producer in (FileBodyProducer, TwistedsProducer):
            with path.open("rb") as file:
                said = await self.ask("PUT", data=producer(file))
            assert said["content"] == expected
        with path.open("rb") as file:
            said = await self.ask("PUT", data=file)
        assert said["content"] == expected

    async def test_pipe(self) -> None:
        reading, writing = os.pipe()
        writer = threading.Thread(target=write_slowly, args=(writing, 9, 300_001))
        writer.start()
        said = await self.ask("PUT", data=FileBodyProducer(os.fdopen(reading, "rb")))
        writer.join()
        assert said["content"] == content.generated(9, 0, 300_001).decode("latin-1")
        assert said["fields"]["transfer-encoding"] == ["chunked"]

    @pytest.mark.peer
    async def test_files(self) -> None:
        """treq's own multipart producer knows no reader: it writes."""
        await self.send_files(lambda file: file)

    @pytest.mark.peer
    async def test_files_of_ours(self) -> None:
        """Our producer within treq's: one hands over a reader between two writes of the other."""
        await self.send_files(lambda file: ("source.bin", "x/y", FileBodyProducer(file)))

    async def send_files(self, form_of: Callable[[BinaryIO], Any]) -> None:
        path = content.write_file(self.directory / "source.bin", 7, SIZE)
        small = content.write_file(self.directory / "small.bin", 8, 3)
        for tls in (False, True):
            url = self.stores.get("hypercorn").url("form", tls=tls)
            with path.open("rb") as file, small.open("rb") as other:
                # Open files are documented, not typed.
                files: Any = {"file": form_of(file), "small": form_of(other)}
                response = await self.client.post(url, files=files, data={"word": "yes"})
            parts = {part["name"]: part for part in await response.json()}
            assert parts["file"]["sha256"] == content.sha256_of(7, SIZE)
            assert parts["file"]["filename"] == "source.bin"
            assert parts["small"]["sha256"] == content.sha256_of(8, 3)
            assert parts["word"]["sha256"] == hashlib.sha256(b"yes").hexdigest()


class TestWhatIsReceived(_TreqCase):
    __test__ = True

    async def test_content_text_and_json(self) -> None:
        response = await self.client.get(self.echo.url("/"))
        (raw, text, parsed) = (
            await response.content(),
            await response.text(),
            await response.json(),
        )
        assert json.loads(raw) == json.loads(text) == parsed
        assert response.request.absoluteURI == self.echo.url("/").encode()
        assert response.headers.getRawHeaders("Content-Type") == ["application/json"]

    async def test_collect_what_is_not_buffered(self) -> None:
        response = await self.client.get(self.echo.url("/large"), unbuffered=True)
        assert response.length == LARGE_BYTES
        pieces: list[bytes] = []
        await treq.collect(response, pieces.append)
        assert b"".join(pieces) == PIECE * (LARGE_BYTES // len(PIECE))

    async def test_nobody_reads(self) -> None:
        """A response that waits for its reader makes the server wait."""
        response = await self.client.get(self.echo.url("/large"), unbuffered=True)
        slow = _Slow()
        response.deliverBody(slow)
        await slow.paused
        before = -1
        while before != self.echo.large.written:
            before = self.echo.large.written
            await self.ask("GET")
        assert before < LARGE_BYTES
        slow.resume()
        assert await slow.ended == LARGE_BYTES

    async def test_read_body(self) -> None:
        response = await self.agent.request(b"GET", self.echo.url("/").encode())
        assert IResponse.providedBy(response)
        assert json.loads(await readBody(response))["method"] == "GET"

    async def test_read_body_cancelled(self) -> None:
        response = await self.agent.request(b"GET", self.echo.url("/large").encode())
        reading = readBody(response)
        reading.cancel()
        with pytest.raises(CancelledError):
            await reading
        await until(lambda: self.echo.large.was_stopped)

    async def test_cancel(self) -> None:
        asking = self.client.get(self.echo.url("/never"))
        await self.echo.asked
        asking.cancel()
        with pytest.raises(CancelledError):
            await asking
        await self.echo.hung_up

    async def test_timeout(self) -> None:
        with pytest.raises(CancelledError):
            await self.client.get(self.echo.url("/never"), timeout=0.2)
        await self.echo.hung_up

    async def test_many_on_one_connection(self) -> None:
        for _ in range(3):
            await self.ask("PUT", data=b"x")
        assert self.heard.reused == [False, True, True]


class _Slow(Protocol):
    """Pauses at the first piece."""

    transport: Any

    def __init__(self) -> None:
        self.paused: Deferred[None] = Deferred()
        self.ended: Deferred[int] = Deferred()
        self._length = 0

    def resume(self) -> None:
        self.transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        if not self._length:
            self.transport.pauseProducing()
            self.paused.callback(None)
        self._length += len(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        assert reason.check(ResponseDone), reason
        self.ended.callback(self._length)

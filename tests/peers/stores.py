"""Every server that takes uploads, behind one face: send it there, and see what it has.

    with Stores(directory, certificates) as stores:
        stores.get("apache").url("name", tls=True)

Each is started when it is first asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from tests.peers.apache import Apache
from tests.peers.caddy import Caddy
from tests.peers.certificates import Certificates
from tests.peers.hypercorn import Hypercorn
from tests.peers.nginx import Nginx
from tests.peers.twisted_web import Manners, TwistedWeb
from tests.receiver.process import ReceiverProcess

__all__ = ["KINDS", "LIMIT_BYTES", "Content", "Store", "Stores"]

# What those with a limit take at most.
LIMIT_BYTES = 1 << 20


@attrs.frozen
class Content:
    """What a server has of a body."""

    length: int
    sha256: str


@attrs.frozen
class Store:
    """A server that runs.

    Attributes:
        base: Its URL, plain and over TLS, without a slash at the end.
        look: Says what has become of a PUT to this name that was answered with these bytes, and
            forgets it.
    """

    base: Callable[[bool], str]
    look: Callable[[str, bytes], Content]

    def url(self, name: str, *, tls: bool) -> str:
        """Where to PUT, by a name without a slash."""
        return f"{self.base(tls)}/{name}"


_Opener = Callable[
    [Path, Certificates, int | None], contextlib.AbstractContextManager[Store, bool | None]
]


class Stores:
    """Starts servers in subdirectories, and stops them all at the end."""

    def __init__(self, directory: Path, certificates: Certificates) -> None:
        self._directory = directory
        self._certificates = certificates
        self._running: dict[tuple[str, bool], Store] = {}
        self._stack = contextlib.ExitStack()

    def get(self, kind: str, *, is_limited: bool = False) -> Store:
        """One of `KINDS`; `is_limited` for one that answers 413 above `LIMIT_BYTES`."""
        key = kind, is_limited
        if key not in self._running:
            directory = self._directory / f"{kind}-{is_limited}"
            # There already if the program was missing when it was asked for before.
            directory.mkdir(exist_ok=True)
            limit = LIMIT_BYTES if is_limited else None
            opened = _OPENERS[kind](directory, self._certificates, limit)
            self._running[key] = self._stack.enter_context(opened)
        return self._running[key]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()


def _in_directory(directory: Path) -> Callable[[str, bytes], Content]:
    def look(name: str, said: bytes) -> Content:
        path = directory / name
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            length = file.tell()
        path.unlink()
        return Content(length, digest)

    return look


@contextlib.contextmanager
def _nginx(directory: Path, certificates: Certificates, limit: int | None) -> Iterator[Store]:
    with Nginx(directory, certificates, max_body_bytes=limit) as server:
        yield Store(lambda tls: server.url(tls=tls), _in_directory(server.stored))


@contextlib.contextmanager
def _apache(directory: Path, certificates: Certificates, limit: int | None) -> Iterator[Store]:
    with Apache(directory, certificates, max_body_bytes=limit) as server:
        yield Store(lambda tls: server.url(tls=tls), _in_directory(server.stored))


@contextlib.contextmanager
def _caddy(directory: Path, certificates: Certificates, limit: int | None) -> Iterator[Store]:
    behind, front = directory / "behind", directory / "front"
    for each in (behind, front):
        each.mkdir(exist_ok=True)
    with (
        Nginx(behind, certificates) as upstream,
        Caddy(front, certificates, upstream.url(tls=False), max_body_bytes=limit) as server,
    ):
        yield Store(lambda tls: server.url(tls=tls), _in_directory(upstream.stored))


@contextlib.contextmanager
def _hypercorn(directory: Path, certificates: Certificates, limit: int | None) -> Iterator[Store]:
    with Hypercorn(directory, certificates, max_body_bytes=limit) as server:
        yield Store(lambda tls: server.url(tls=tls), _in_directory(server.stored))


@contextlib.contextmanager
def _twisted_web(directory: Path, certificates: Certificates, limit: int | None) -> Iterator[Store]:
    def look(name: str, said: bytes) -> Content:
        facts = json.loads(said)
        assert facts["path"] == f"/{name}"
        return Content(facts["length"], facts["sha256"])

    with TwistedWeb(directory, certificates, Manners(max_body_bytes=limit)) as server:
        yield Store(lambda tls: server.url(tls=tls), look)


@contextlib.contextmanager
def _receiver(directory: Path, certificates: Certificates, limit: int | None) -> Iterator[Store]:
    homes = [directory / name for name in ("plain", "tls")]
    for home in homes:
        home.mkdir()
    certificate = str(certificates.server)
    with (
        ReceiverProcess(homes[0], max_size=limit) as plain,
        ReceiverProcess(homes[1], max_size=limit, cert=certificate) as secure,
    ):
        looks = [_in_directory(server.directory) for server in (plain, secure)]

        def look(name: str, said: bytes) -> Content:
            return looks[(secure.directory / name).exists()](name, said)

        yield Store(lambda tls: (secure if tls else plain).url.rstrip("/"), look)


_OPENERS: dict[str, _Opener] = {
    "nginx": _nginx,
    "apache": _apache,
    "caddy": _caddy,
    "twisted.web": _twisted_web,
    "hypercorn": _hypercorn,
    "receiver": _receiver,
}

KINDS = tuple(_OPENERS)

"""Servers to upload to, and how each shows what it has received."""

import hashlib
import json
from abc import ABC, abstractmethod
from pathlib import Path

import attrs

from filebody.receiver import Receiver, ReceiverConfig
from tests.integration.clients import Answer
from tests.peers.certificates import Certificates
from tests.peers.nginx import Nginx
from tests.peers.twisted_web import TwistedWeb


@attrs.frozen
class Received:
    """What a server says or keeps of a body."""

    length: int
    sha256: str

    @classmethod
    def of_file(cls, path: Path) -> "Received":
        with path.open("rb") as file:
            return cls(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


class Destination(ABC):
    """Where a test uploads to, under names that it makes up."""

    async def start(self) -> None:
        """Begin to serve."""
        # The servers that we did not write are started by fixtures, for all tests.
        return

    async def stop(self) -> None:
        """Leave nothing behind."""
        return

    @abstractmethod
    def url(self, name: str) -> str: ...

    @abstractmethod
    def received(self, name: str, answer: Answer) -> Received:
        """Say what has become of an upload that was answered so."""


class ToNginx(Destination):
    def __init__(self, server: Nginx, *, tls: bool) -> None:
        self._server = server
        self._tls = tls

    def url(self, name: str) -> str:
        return f"{self._server.url(tls=self._tls)}/{name}"

    def received(self, name: str, answer: Answer) -> Received:
        assert answer.status == 201, answer
        stored = self._server.stored / name
        try:
            return Received.of_file(stored)
        finally:
            stored.unlink()


class ToTwistedWeb(Destination):
    def __init__(self, server: TwistedWeb, *, tls: bool) -> None:
        self._server = server
        self._tls = tls

    def url(self, name: str) -> str:
        return f"{self._server.url(tls=self._tls)}/{name}"

    def received(self, name: str, answer: Answer) -> Received:
        assert answer.status == 200, answer
        said = json.loads(answer.body)
        assert said["path"] == f"/{name}"
        return Received(said["length"], said["sha256"])


class ToReceiver(Destination):
    """Ours, in this process: both ends share the reactor."""

    def __init__(self, directory: Path, certificates: Certificates | None = None) -> None:
        self.directory = directory
        certificate = certificates.server if certificates else None
        self._receiver = Receiver(ReceiverConfig(directory=directory, cert=certificate))

    async def start(self) -> None:
        await self._receiver.start()

    async def stop(self) -> None:
        await self._receiver.stop(grace_seconds=0)

    @property
    def port(self) -> int:
        return self._receiver.port

    def url(self, name: str) -> str:
        return self._receiver.url + name

    def received(self, name: str, answer: Answer) -> Received:
        assert answer.status == 201, answer
        return Received.of_file(self.directory / name)

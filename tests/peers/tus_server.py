"""What tests know of a tus server that others wrote."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from tests.peers.program import Program


class TusServer(Program):
    """Stores uploads as files in its directory, under names of its own."""

    port_count = 1

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.store = directory / "store"

    @property
    @abstractmethod
    def url(self) -> str:
        """Where uploads are created."""

    def prepare(self) -> None:
        self.store.mkdir()

    def path(self, upload_url: str) -> Path:
        """Where the bytes of an upload are."""
        return self.store / upload_url.rpartition("/")[2]

    def content(self, upload_url: str) -> bytes:
        """What was uploaded."""
        return self.path(upload_url).read_bytes()

"""@tus/server of npm: the tus server that the authors of tus wrote for Node.js."""

from collections.abc import Sequence
from pathlib import Path

from tests.peers.tus_server import TusServer
from tests.programs import NODE, require_npm_package


class TusNode(TusServer):
    """Has what `FileStore` can do: no concatenation."""

    name = "node"

    def __init__(self, directory: Path) -> None:
        require_npm_package("@tus/server")
        super().__init__(directory)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}/files"

    def arguments(self) -> Sequence[str | Path]:
        return [NODE / "tus_server.js", str(self.ports[0]), self.store]

"""@tus/server of npm: the tus server that the authors of tus wrote for Node.js."""

from collections.abc import Sequence
from pathlib import Path

from tests.peers.tus_server import TusServer
from tests.programs import require

_HERE = Path(__file__).parent / "node"


class TusNode(TusServer):
    """Has what `FileStore` can do: no concatenation."""

    name = "node"

    def __init__(self, directory: Path) -> None:
        require(
            (_HERE / "node_modules" / "@tus" / "server").is_dir(),
            f"@tus/server is not installed: npm ci --prefix {_HERE}",
        )
        super().__init__(directory)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}/files"

    def arguments(self) -> Sequence[str | Path]:
        return [_HERE / "tus_server.js", str(self.ports[0]), self.store]

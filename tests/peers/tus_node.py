"""@tus/server of npm: the tus server that the authors of tus wrote for Node.js."""

from collections.abc import Sequence
from pathlib import Path

from tests.peers.program import Program
from tests.programs import require

_HERE = Path(__file__).parent / "node"


class TusNode(Program):
    """Stores uploads as files in its directory, under names of its own."""

    name = "node"
    port_count = 1

    def __init__(self, directory: Path) -> None:
        require(
            (_HERE / "node_modules" / "@tus" / "server").is_dir(),
            f"@tus/server is not installed: npm ci --prefix {_HERE}",
        )
        super().__init__(directory)
        self.store = directory / "store"

    @property
    def url(self) -> str:
        """Where uploads are created."""
        return f"http://127.0.0.1:{self.ports[0]}/files"

    def prepare(self) -> None:
        self.store.mkdir(exist_ok=True)

    def arguments(self) -> Sequence[str | Path]:
        return [_HERE / "tus_server.js", str(self.ports[0]), self.store]

    def content(self, upload_url: str) -> bytes:
        """What was uploaded."""
        return (self.store / upload_url.rpartition("/")[2]).read_bytes()

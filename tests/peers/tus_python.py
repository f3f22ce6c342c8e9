"""tuspyserver of PyPI, a tus server for FastAPI, behind hypercorn.

It asks for `filename` and `filetype` in the metadata: a HEAD of an upload without them is answered
with 400. It has two ways to the disk. The usual one appends what comes to the file at once and
notes the offset at the end of the request; a server that is killed in between tells an offset that
is behind its file, and appends there what is sent from that offset on. Such a file has bytes twice,
and no client can see that. The other, `LocalFileStorage`, holds a request until its end, so a kill
costs that; it cannot join parts.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.peers.child import ROOT
from tests.peers.tus_server import TusServer
from tests.programs import require_module


class TusPython(TusServer):
    """Has all extensions but the checksum.

    Args:
        directory: Where everything goes.
        holds_requests: Whether it writes nothing of a request before its end.
    """

    name = "python3"

    def __init__(self, directory: Path, *, holds_requests: bool = False) -> None:
        require_module("tuspyserver", "tuspyserver")
        super().__init__(directory)
        self._holds_requests = holds_requests

    @property
    def url(self) -> str:
        # Without the slash OPTIONS is answered with 405.
        return f"http://127.0.0.1:{self.ports[0]}/files/"

    def arguments(self) -> Sequence[str | Path]:
        how = ["--hold"] if self._holds_requests else []
        return ["-m", "tests.peers.tus_python", str(self.ports[0]), self.store, *how]

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(ROOT)}


def main() -> None:
    """Serve: `python -m tests.peers.tus_python PORT DIRECTORY [--hold]`."""
    from fastapi import FastAPI
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from tuspyserver import create_tus_router
    from tuspyserver.storage.local import LocalFileStorage

    port, directory, *how = sys.argv[1:]
    application: Any = FastAPI()
    storage = LocalFileStorage(directory) if how else None
    application.include_router(
        create_tus_router(prefix="files", files_dir=directory, storage=storage)
    )
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = 0
    asyncio.run(serve(application, config))


if __name__ == "__main__":
    main()

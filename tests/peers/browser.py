"""A page in a browser without a window: Chromium loads it, and it tells what became of it.

The page is served by us, from an origin of its own, and POSTs one JSON value to `/done`.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.programs import require_program

MAX_SECONDS = 60

# No profile of anybody's, no window, and nothing but this machine.
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # which root cannot have; the page is ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class _Handler(http.server.SimpleHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.said = json.loads(self.rfile.read(length))
        self.send_response(204)
        self.end_headers()
        self.server.is_done.set()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the interface's
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    said: Any = None

    def __init__(self, directory: Path) -> None:
        self.is_done = threading.Event()
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(directory)))


class Browser:
    """Serves a directory and loads pages of it.

    Args:
        directory: What is served.
        home: Where the browser may write.
    """

    def __init__(self, directory: Path, home: Path) -> None:
        self._chromium = require_program("chromium")
        self._home = home
        self._server = _Server(directory)
        self._thread = threading.Thread(target=self._server.serve_forever, name="pages")
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def load(self, page: str) -> Any:
        """Load a page, and give what it POSTs."""
        log = self._home / "chromium.log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [
                    self._chromium,
                    *FLAGS,
                    f"--user-data-dir={self._home / 'profile'}",
                    f"{self.origin}/{page}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env={**os.environ, "HOME": str(self._home)},
                start_new_session=True,
            )
        try:
            assert self._server.is_done.wait(MAX_SECONDS), log.read_text()
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its children are of its own session
            process.wait()
        return self._server.said

"""A page in Chromium that is driven from outside: it needs no script of its own.

By the DevTools protocol over a pair of pipes: one JSON value after the other, a NUL after each.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.browser import FLAGS, MAX_SECONDS
from tests.programs import require_program


class DevTools:
    """Chromium with one page.

    Args:
        home: Where the browser may write.
    """

    def __init__(self, home: Path) -> None:
        self._chromium = require_program("chromium")
        self._bash = require_program("bash")
        self._home = home
        self._log = home / "chromium.log"
        self._number = 0
        self._unread = b""
        self._session: str | None = None

    def __enter__(self) -> Self:
        theirs, self._commands = os.pipe()
        self._answers, ours = os.pipe()
        command = [
            self._chromium,
            *FLAGS,
            "--remote-debugging-pipe",
            f"--user-data-dir={self._home / 'profile'}",
        ]
        with self._log.open("wb") as errors:
            self._process = subprocess.Popen(
                # It reads descriptor 3 and writes 4.
                [self._bash, "-c", f'exec "$@" 3<&{theirs} 4>&{ours}', "chromium", *command],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env={**os.environ, "HOME": str(self._home)},
                pass_fds=(theirs, ours),
                start_new_session=True,
            )
        os.close(theirs)
        os.close(ours)
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def call(self, method: str, **parameters: Any) -> Any:
        """Have it do something, and give the result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + MAX_SECONDS
        while True:
            answer = self._answer(deadline)
            if answer.get("id") == self._number:  # the others are events
                assert "error" not in answer, answer
                return answer["result"]

    def load(self, url: str) -> None:
        """Load a page as one that may run our scripts, whatever its policy says of them."""
        self.call("Page.setBypassCSP", enabled=True)
        self.call("Page.navigate", url=url)
        state = "document.readyState + ' ' + location.href"
        deadline = time.monotonic() + MAX_SECONDS
        while self.run(state) != f"complete {url}":
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """Run a script in the page, and give its value; that of a promise is waited for."""
        done = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def _answer(self, deadline: float) -> Any:
        while b"\0" not in self._unread:
            left = deadline - time.monotonic()
            ready = select.select([self._answers], [], [], max(0.0, left))[0]
            data = os.read(self._answers, 1 << 16) if ready else b""
            assert data, f"no answer: {self._log.read_text()}"
            self._unread += data
        answer, _, self._unread = self._unread.partition(b"\0")
        return json.loads(answer)

    def _end(self) -> None:
        os.close(self._commands)
        os.close(self._answers)
        os.killpg(self._process.pid, signal.SIGKILL)  # its children are of its own session
        self._process.wait()

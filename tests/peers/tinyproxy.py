"""tinyproxy, a forward proxy: CONNECT, and requests in absolute form."""

from collections.abc import Sequence
from pathlib import Path

from tests.peers.program import Program

_CONFIG = """
Port {port}
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 60
LogLevel Connect
{login}
"""


class Tinyproxy(Program):
    """Lets connections to any port through while in use.

    Args:
        directory: See `Program`.
        login: Name and password that it asks for (Basic); None for everybody.
    """

    name = "tinyproxy"
    port_count = 1

    def __init__(self, directory: Path, *, login: tuple[str, str] | None = None) -> None:
        super().__init__(directory)
        self._login = login

    def prepare(self) -> None:
        (self._root / "tinyproxy.conf").write_text(
            _CONFIG.format(
                port=self.ports[0],
                login="" if self._login is None else "BasicAuth {} {}".format(*self._login),
            )
        )

    def arguments(self) -> Sequence[str | Path]:
        # -d: in the foreground, with the log on standard output.
        return ["-d", "-c", self._root / "tinyproxy.conf"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def tunnels(self) -> int:
        """How many times a client has asked for CONNECT so far."""
        return sum("): CONNECT " in line for line in self.log.read_text().splitlines())

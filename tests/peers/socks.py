"""asyncio-socks-server, a SOCKS5 proxy that we did not write."""

import asyncio
import json
import sys
from pathlib import Path

from tests.peers.child import Child, call_when_parent_is_gone, say_ready
from tests.programs import require_module


class SocksServer(Child):
    """Lets connections to anywhere through while in use.

    Args:
        log: Where its log goes; it names each destination.
        login: Name and password that it asks for; None for everybody.
    """

    def __init__(self, log: Path, *, login: tuple[str, str] | None = None) -> None:
        require_module("asyncio_socks_server", "asyncio-socks-server")
        self.log = log
        super().__init__("tests.peers.socks", {"login": login}, log)

    def url(self, scheme: str, user: str = "") -> str:
        return f"{scheme}://{user}127.0.0.1:{self.ready['port']}"


def main() -> None:
    from asyncio_socks_server.app import SocksServer as Server

    login = json.loads(sys.argv[1])["login"]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    server = Server(
        env_prefix=None,
        LISTEN_HOST="127.0.0.1",
        LISTEN_PORT=0,
        AUTH_METHOD=0 if login is None else 2,
        USERS={} if login is None else dict([login]),
        ACCESS_LOG=True,
    )
    loop.run_until_complete(server.proxyman.start_server())
    listening = server.proxyman.server.sockets[0]
    call_when_parent_is_gone(lambda: loop.call_soon_threadsafe(loop.stop))
    say_ready(port=listening.getsockname()[1])
    loop.run_forever()


if __name__ == "__main__":
    main()

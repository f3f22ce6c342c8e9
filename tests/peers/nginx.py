"""nginx that stores what is PUT, plain and over TLS, in a directory of its own."""

import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.certificates import Certificates
from tests.programs import require_program

START_SECONDS = 30
STOP_SECONDS = 20

_CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {root}/nginx.pid;
error_log {root}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log {root}/access.log;
    # Every directory that nginx may write to, or it takes those of the system.
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    client_max_body_size {max_body_size};
    client_body_timeout 60s;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        server_name localhost;
        ssl_certificate {certificates.server_chain};
        ssl_certificate_key {certificates.server_key};
        location / {{
            root {root}/stored;
            dav_methods PUT DELETE;
            create_full_put_path on;
        }}
    }}
}}
"""


class Nginx:
    """Serves `directory`/stored while in use: PUT (201 or 204), GET and DELETE."""

    def __init__(
        self, directory: Path, certificates: Certificates, *, max_body_size: str = "64m"
    ) -> None:
        self._program = require_program("nginx")
        self._root = directory
        self._certificates = certificates
        self._max_body_size = max_body_size
        self.stored = directory / "stored"

    def __enter__(self) -> Self:
        self.stored.mkdir()
        self.port, self.tls_port = _free_ports(2)
        config = self._root / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                root=self._root,
                port=self.port,
                tls_port=self.tls_port,
                certificates=self._certificates,
                max_body_size=self._max_body_size,
            )
        )
        self._process = subprocess.Popen(
            # -e: the log until the configuration is read. `quiet` would hide mistakes in that.
            [self._program, "-p", self._root, "-c", config, "-e", self._root / "error.log"],
            stdin=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        try:
            self._wait_until_it_answers()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def url(self, *, tls: bool) -> str:
        return f"https://localhost:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"

    def _wait_until_it_answers(self) -> None:
        # nginx tells nobody that it listens; a connection refused on loopback costs nothing, and
        # the pidfd wakes us early if it dies.
        deadline = time.monotonic() + START_SECONDS
        ended = os.pidfd_open(self.pid)
        try:
            while time.monotonic() < deadline:
                try:
                    socket.create_connection(("127.0.0.1", self.tls_port), 1).close()
                except OSError:
                    if select.select([ended], [], [], 0.01)[0]:
                        break
                else:
                    return
        finally:
            os.close(ended)
        raise RuntimeError(f"nginx did not start: {(self._root / 'error.log').read_text()}")

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_ports(count: int) -> list[int]:
    """Ask the kernel for ports; all are held until all are known, so they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports

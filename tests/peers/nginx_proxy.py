"""nginx before a receiver: at the root, below a path, with a password, plain and over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.peers.ports import free_port
from tests.peers.program import WebServer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.peers.certificates import Certificates

_CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {root}/nginx.pid;
error_log {log} info;
events {{ worker_connections 1024; }}
http {{
    access_log {root}/access.log;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        server_name localhost;
        ssl_certificate {certificates.server_chain};
        ssl_certificate_key {certificates.server_key};
        proxy_http_version 1.1;
        proxy_request_buffering off;
        location / {{
            proxy_set_header Host $http_host;
            proxy_pass http://127.0.0.1:{receiver_port};
        }}
        location /files/ {{ proxy_pass http://127.0.0.1:{receiver_port}/; }}
        location /kept/ {{ proxy_pass http://127.0.0.1:{receiver_port}; }}
    }}
}}
"""


class NginxProxy(WebServer):
    """Passes requests on: `/files/` without that path, `/kept/` with it, all others as they are.

    Args:
        directory: See `Program`.
        certificates: For TLS.

    Attributes:
        receiver_port: A free port, on which a receiver is to be started.
    """

    name = "nginx"

    def __init__(self, directory: Path, certificates: Certificates) -> None:
        super().__init__(directory)
        self._certificates = certificates
        self.receiver_port = free_port()

    def prepare(self) -> None:
        (self._root / "nginx.conf").write_text(
            _CONFIG.format(
                root=self._root,
                log=self.log,
                port=self.port,
                tls_port=self.tls_port,
                certificates=self._certificates,
                receiver_port=self.receiver_port,
            )
        )

    def arguments(self) -> Sequence[str | Path]:
        return ["-p", self._root, "-c", self._root / "nginx.conf", "-e", self.log]

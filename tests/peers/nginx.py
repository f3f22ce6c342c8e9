"""nginx that stores what is PUT, plain and over TLS, in a directory of its own."""

from collections.abc import Sequence
from pathlib import Path

from tests.peers.certificates import Certificates
from tests.peers.program import WebServer

_CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {root}/nginx.pid;
error_log {log} info;
events {{ worker_connections 1024; }}
http {{
    access_log {root}/access.log;
    # Every directory that nginx may write to, or it takes those of the system.
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    client_max_body_size {max_body_bytes};
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


class Nginx(WebServer):
    """Serves `directory`/stored while in use: PUT (201 or 204), GET and DELETE.

    Args:
        directory: See `Program`.
        certificates: For TLS.
        max_body_bytes: What is larger is answered with 413; None for no limit.
    """

    name = "nginx"

    def __init__(
        self, directory: Path, certificates: Certificates, *, max_body_bytes: int | None = None
    ) -> None:
        super().__init__(directory)
        self._certificates = certificates
        self._max_body_bytes = max_body_bytes
        self.stored = directory / "stored"

    def prepare(self) -> None:
        self.stored.mkdir()
        (self._root / "nginx.conf").write_text(
            _CONFIG.format(
                root=self._root,
                log=self.log,
                port=self.port,
                tls_port=self.tls_port,
                certificates=self._certificates,
                max_body_bytes=self._max_body_bytes or 0,
            )
        )

    def arguments(self) -> Sequence[str | Path]:
        # -e: the log until the configuration is read. `quiet` would hide mistakes in that.
        return ["-p", self._root, "-c", self._root / "nginx.conf", "-e", self.log]

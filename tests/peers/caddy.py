"""Caddy in front of another server, plain and over TLS: it stores nothing without plugins."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.peers.certificates import Certificates
from tests.peers.program import WebServer

_CONFIG = """
{{
    admin off
    auto_https off
    persist_config off
    # Without HTTP/3, which would take a UDP port as well.
    servers {{
        protocols h1 h2
    }}
}}
(passing) {{
    bind 127.0.0.1
    {limit}
    reverse_proxy {upstream}
    handle_errors {{
        respond "{{err.status_text}}"
    }}
}}
http://:{port} {{
    import passing
}}
https://:{tls_port} {{
    tls {certificates.server_chain} {certificates.server_key}
    import passing
}}
"""


class Caddy(WebServer):
    """Passes everything on to `upstream`, a plain http URL, while the body is still coming.

    Args:
        directory: See `Program`.
        certificates: For TLS.
        upstream: Where to.
        max_body_bytes: What is larger is answered with 413; None for no limit.
    """

    name = "caddy"

    def __init__(
        self,
        directory: Path,
        certificates: Certificates,
        upstream: str,
        *,
        max_body_bytes: int | None = None,
    ) -> None:
        super().__init__(directory)
        self._certificates = certificates
        self._upstream = upstream
        self._max_body_bytes = max_body_bytes

    def prepare(self) -> None:
        limit = ""
        if self._max_body_bytes is not None:
            limit = f"request_body {{\n max_size {self._max_body_bytes}\n}}"
        (self._root / "Caddyfile").write_text(
            _CONFIG.format(
                limit=limit,
                upstream=urlsplit(self._upstream).netloc,
                port=self.port,
                tls_port=self.tls_port,
                certificates=self._certificates,
            )
        )

    def arguments(self) -> Sequence[str | Path]:
        return ["run", "--config", self._root / "Caddyfile", "--adapter", "caddyfile"]

    def environment(self) -> Mapping[str, str]:
        # Where it would keep certificates and its last configuration.
        return {"HOME": str(self._root), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}

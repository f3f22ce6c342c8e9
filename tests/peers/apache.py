"""Apache's httpd that stores what is PUT (mod_dav), plain and over TLS."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.peers.certificates import Certificates
from tests.peers.program import WebServer

# Started by root it serves as somebody else and insists on that; every Debian has this user.
_USER = "www-data"

_CONFIG = """
ServerRoot {root}
ServerName localhost
DefaultRuntimeDir {root}
PidFile {root}/apache.pid
ErrorLog {log}
LogLevel info
{user}
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{tls_port}

LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dav_module {modules}/mod_dav.so
LoadModule dav_fs_module {modules}/mod_dav_fs.so
LoadModule ssl_module {modules}/mod_ssl.so

ThreadsPerChild 64
KeepAliveTimeout 60
DavLockDB {kept}/locks
DocumentRoot {kept}/stored
<Directory {kept}/stored>
    Require all granted
    Dav on
    LimitRequestBody {max_body_bytes}
</Directory>
<VirtualHost 127.0.0.1:{tls_port}>
    SSLEngine on
    SSLCertificateFile {certificates.server_chain}
    SSLCertificateKeyFile {certificates.server_key}
</VirtualHost>
"""


class Apache(WebServer):
    """Serves `stored` while in use: PUT (201 or 204), GET and DELETE; names without a slash.

    Args:
        directory: See `Program`. What is stored is not there but in a directory beside the others
            of the system, removed at the end: pytest's are closed to the user as which it serves.
        certificates: For TLS.
        max_body_bytes: What is larger is answered with 413; None for no limit.
    """

    name = "apache2"

    def __init__(
        self, directory: Path, certificates: Certificates, *, max_body_bytes: int | None = None
    ) -> None:
        super().__init__(directory)
        self._certificates = certificates
        self._max_body_bytes = max_body_bytes

    def prepare(self) -> None:
        self._kept = Path(tempfile.mkdtemp(prefix="filebody-apache-"))
        self.stored = self._kept / "stored"
        self.stored.mkdir()
        is_root = os.geteuid() == 0
        if is_root:
            for directory in (self._kept, self.stored):
                shutil.chown(directory, _USER)
        (self._root / "apache.conf").write_text(
            _CONFIG.format(
                root=self._root,
                kept=self._kept,
                log=self.log,
                user=f"User {_USER}\nGroup {_USER}" if is_root else "",
                # Where Debian has them.
                modules="/usr/lib/apache2/modules",
                port=self.port,
                tls_port=self.tls_port,
                certificates=self._certificates,
                max_body_bytes=self._max_body_bytes or 0,
            )
        )

    def arguments(self) -> Sequence[str | Path]:
        # -X: one process, in the foreground.
        return ["-X", "-f", self._root / "apache.conf"]

    def clean_up(self) -> None:
        shutil.rmtree(self._kept)

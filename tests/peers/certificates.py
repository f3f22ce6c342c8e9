"""A certificate authority for loopback, made anew for each test run."""

from pathlib import Path
from typing import Self

import attrs
import trustme


@attrs.frozen
class Certificates:
    """Files of one directory, readable by any server and client."""

    authority: Path
    # Private key and chain in one file, and apart for those who want them so.
    server: Path
    server_key: Path
    server_chain: Path

    @classmethod
    def make(cls, directory: Path) -> Self:
        authority = trustme.CA()
        server = authority.issue_cert("localhost", "127.0.0.1")
        made = cls(
            authority=directory / "authority.pem",
            server=directory / "server.pem",
            server_key=directory / "server.key",
            server_chain=directory / "server.crt",
        )
        authority.cert_pem.write_to_path(str(made.authority))
        server.private_key_and_cert_chain_pem.write_to_path(str(made.server))
        server.private_key_pem.write_to_path(str(made.server_key))
        for number, blob in enumerate(server.cert_chain_pems):
            blob.write_to_path(str(made.server_chain), append=number > 0)
        return made

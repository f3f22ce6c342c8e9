"""curl, the client that all servers agree with."""

import subprocess
from pathlib import Path

import attrs

from tests.peers.certificates import Certificates
from tests.programs import require_program


@attrs.frozen
class Result:
    exit_status: int
    http_status: int
    body: bytes


def curl(certificates: Certificates, *arguments: str | Path) -> Result:
    """Run curl quietly, with the tests' authority, and return what it says."""
    done = subprocess.run(
        [
            require_program("curl"),
            # Some servers would rather speak HTTP/2, which our own clients do not.
            *("--silent", "--max-time", "60", "--noproxy", "*", "--http1.1"),
            *("--cacert", certificates.authority, "--write-out", "\n%{http_code}"),
            *arguments,
        ],
        capture_output=True,
        check=False,
    )
    body, _, status = done.stdout.rpartition(b"\n")
    return Result(done.returncode, int(status), body)

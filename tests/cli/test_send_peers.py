"""The command against servers that others wrote, and against the receiver."""

from pathlib import Path

import pytest

from tests.cli.command import Outcome, run
from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.stores import KINDS, LIMIT_BYTES, Content, Stores

pytestmark = pytest.mark.peer

both_ways = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
all_kinds = pytest.mark.parametrize("kind", KINDS)

SIZE = 3_000_001


def said(outcome: Outcome) -> bytes:
    """What the server has answered with, by what -v shows of it."""
    words = "* it says: "
    lines = [line for line in outcome.err.splitlines() if line.startswith(words)]
    return lines[0].removeprefix(words).encode() if lines else b""


@both_ways
@all_kinds
@pytest.mark.parametrize("from_stdin", [False, True], ids=["file", "stdin"])
def test_it_arrives(
    stores: Stores,
    certificates: Certificates,
    tmp_path: Path,
    kind: str,
    tls: bool,
    from_stdin: bool,
) -> None:
    file = content.write_file(tmp_path / "source", seed=7, size=SIZE)
    store = stores.get(kind)
    command = ("send", "-v", "--cacert", certificates.authority)
    outcome = run(
        *command,
        "-" if from_stdin else "source",
        store.url("command", tls=tls),
        cwd=tmp_path,
        stdin=file.read_bytes() if from_stdin else b"",
    )
    assert outcome.code == 0, outcome.err
    assert store.look("command", said(outcome)) == Content(SIZE, content.sha256_of(7, SIZE))


@both_ways
@all_kinds
def test_too_large(
    stores: Stores, certificates: Certificates, tmp_path: Path, kind: str, tls: bool
) -> None:
    content.write_file(tmp_path / "source", seed=7, size=LIMIT_BYTES * 8)
    store = stores.get(kind, is_limited=True)
    url = store.url("large", tls=tls)
    options = ("--no-resume", "--cacert", certificates.authority)
    outcome = run("send", *options, "source", url, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (22, ""), outcome.err
    assert f"{url} answered 413 " in outcome.error
    assert "it is longer than the server takes" in outcome.error

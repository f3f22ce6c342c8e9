import json
import os
from pathlib import Path

import pytest

from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.curl import curl
from tests.peers.twisted_web import Manners, TwistedWeb

pytestmark = pytest.mark.peer

SIZE = 300_001


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return content.write_file(tmp_path / "source", seed=7, size=SIZE)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_it_hashes_what_is_sent(
    twisted_web: TwistedWeb, certificates: Certificates, source: Path, tls: bool
) -> None:
    url = f"{twisted_web.url(tls=tls)}/some/path"
    known = curl(certificates, "--upload-file", source, url)
    expected = {
        "method": "PUT",
        "path": "/some/path",
        "length": SIZE,
        "sha256": content.sha256_of(7, SIZE),
        "declared": SIZE,
    }
    assert json.loads(known.body) == expected
    chunked = curl(
        certificates, "--header", "Transfer-Encoding: chunked", "--upload-file", source, url
    )
    assert json.loads(chunked.body) == expected | {"declared": None}
    received = curl(certificates, twisted_web.url(tls=tls))
    assert expected in json.loads(received.body)


def test_it_can_be_slow(certificates: Certificates, source: Path, tmp_path: Path) -> None:
    with TwistedWeb(tmp_path, certificates, Manners(pause_seconds=0.001)) as slow:
        result = curl(certificates, "--upload-file", source, slow.url(tls=False))
        assert json.loads(result.body)["sha256"] == content.sha256_of(7, SIZE)


@pytest.mark.parametrize("by", ["close", "reset"])
@pytest.mark.parametrize("after", [0, 1, SIZE - 1])
def test_it_can_cut(
    certificates: Certificates, source: Path, tmp_path: Path, by: str, after: int
) -> None:
    with TwistedWeb(tmp_path, certificates, Manners(cut_after=after, cut_by=by)) as cutting:
        result = curl(certificates, "--upload-file", source, cutting.url(tls=False))
        assert result.exit_status != 0
        assert result.http_status in {0, 100}
        pid = cutting.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_request_can_ask_to_be_cut(
    twisted_web: TwistedWeb, certificates: Certificates, source: Path
) -> None:
    result = curl(
        certificates,
        *("--header", "X-Cut-After: 70000", "--upload-file", source, twisted_web.url(tls=True)),
    )
    assert result.exit_status != 0

from pathlib import Path

import pytest

from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.curl import curl
from tests.peers.nginx import Nginx

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_it_stores_what_is_put(
    nginx: Nginx, certificates: Certificates, tmp_path: Path, tls: bool
) -> None:
    source = content.write_file(tmp_path / "source", seed=7, size=300_001)
    name = f"curl/{'tls' if tls else 'plain'}/file"
    result = curl(certificates, "--upload-file", source, f"{nginx.url(tls=tls)}/{name}")
    assert (result.exit_status, result.http_status) == (0, 201)
    assert (nginx.stored / name).read_bytes() == content.generated(7, 0, 300_001)


def test_it_refuses_what_is_too_large(certificates: Certificates, tmp_path: Path) -> None:
    source = content.write_file(tmp_path / "source", seed=7, size=2000)
    with Nginx(tmp_path, certificates, max_body_bytes=1000) as small:
        result = curl(certificates, "--upload-file", source, f"{small.url(tls=False)}/x")
        assert result.http_status == 413
        assert list(small.stored.iterdir()) == []

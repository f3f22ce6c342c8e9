from pathlib import Path

import pytest

from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.curl import curl
from tests.peers.nginx import Nginx
from tests.peers.tinyproxy import Tinyproxy

pytestmark = pytest.mark.peer

SIZE = 3_000_001
USED = ("--noproxy", "", "--proxytunnel", "--proxy")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_it_opens_tunnels(
    nginx: Nginx, certificates: Certificates, tmp_path: Path, tls: bool
) -> None:
    source = content.write_file(tmp_path / "source", seed=7, size=SIZE)
    name = f"tunnel-{tls}"
    with Tinyproxy(tmp_path) as proxy:
        assert proxy.tunnels == 0
        url = f"{nginx.url(tls=tls)}/{name}"
        result = curl(certificates, *USED, proxy.url, "--upload-file", source, url)
        assert (result.exit_status, result.http_status) == (0, 201)
        assert proxy.tunnels == 1
    assert (nginx.stored / name).read_bytes() == content.generated(7, 0, SIZE)


def test_it_asks_who_is_there(nginx: Nginx, certificates: Certificates, tmp_path: Path) -> None:
    url = nginx.url(tls=False)
    with Tinyproxy(tmp_path, login=("me", "secret")) as proxy:
        refused = curl(certificates, *USED, proxy.url, "--write-out", "\n%{http_connect}", url)
        assert refused.http_status == 407
        let_in = curl(certificates, *USED, proxy.url, "--proxy-user", "me:secret", url)
        assert let_in.exit_status == 0

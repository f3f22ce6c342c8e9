import socket
from pathlib import Path
from typing import Literal

import pytest

from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.curl import curl
from tests.peers.cutter import Cut, Cutter
from tests.peers.nginx import Nginx

pytestmark = pytest.mark.peer

RECEIVE_ERROR = 56
TIMED_OUT = 28
EMPTY_REPLY = 52
SEND_ERROR = 55


@pytest.mark.parametrize("after", [1, 100, 200_000])
@pytest.mark.parametrize("by", ["close", "reset"])
def test_curl_sees_the_cut(
    certificates: Certificates, tmp_path: Path, by: Literal["close", "reset"], after: int
) -> None:
    source = content.write_file(tmp_path / "source", seed=7, size=10_000_000)
    with Cutter(after, by=by) as cutter:
        result = curl(certificates, "--upload-file", source, cutter.url)
    assert result.exit_status in {RECEIVE_ERROR, EMPTY_REPLY, SEND_ERROR}
    assert cutter.cuts == [Cut(read=after, by_us=True)]


def test_the_two_ways_differ_on_the_wire() -> None:
    with (
        Cutter(3, by="close") as closing,
        socket.create_connection(("127.0.0.1", closing.port)) as c,
    ):
        c.sendall(b"abc")
        assert c.recv(1) == b""
    with (
        Cutter(3, by="reset") as cutting,
        socket.create_connection(("127.0.0.1", cutting.port)) as c,
    ):
        c.sendall(b"abc")
        with pytest.raises(ConnectionResetError):
            c.recv(1)


def test_it_can_leave_the_end_to_the_client(certificates: Certificates, tmp_path: Path) -> None:
    source = content.write_file(tmp_path / "source", seed=7, size=10_000_000)
    with Cutter(100, by="stall") as cutter:
        result = curl(
            certificates, "--max-time", "0.2", "--upload-file", source, f"{cutter.url}/file"
        )
    assert result.exit_status == TIMED_OUT
    assert cutter.cuts == [Cut(read=100, by_us=False)]


def test_as_a_proxy_it_passes_on_what_it_read(
    certificates: Certificates, nginx: Nginx, tmp_path: Path
) -> None:
    source = content.write_file(tmp_path / "source", seed=7, size=100_000)
    target = ("127.0.0.1", nginx.port)
    with Cutter(10**9, target=target) as whole:
        result = curl(certificates, "--upload-file", source, f"{whole.url}/through-the-cutter")
        assert result.http_status == 201
    assert (nginx.stored / "through-the-cutter").read_bytes() == source.read_bytes()
    with Cutter(50_000, target=target) as cutter:
        result = curl(certificates, "--upload-file", source, f"{cutter.url}/cut")
    assert result.exit_status in {RECEIVE_ERROR, EMPTY_REPLY, SEND_ERROR}
    assert not (nginx.stored / "cut").exists()

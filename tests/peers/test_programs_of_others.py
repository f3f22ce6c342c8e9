import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers import apache
from tests.peers.apache import Apache
from tests.peers.caddy import Caddy
from tests.peers.certificates import Certificates
from tests.peers.nginx import Nginx
from tests.peers.program import Program
from tests.peers.tinyproxy import Tinyproxy

pytestmark = pytest.mark.peer

STARTS: dict[str, Callable[[Path, Certificates], Program]] = {
    "apache": Apache,
    "caddy": lambda directory, certificates: Caddy(directory, certificates, "http://127.0.0.1:9"),
    "nginx": Nginx,
    "tinyproxy": lambda directory, certificates: Tinyproxy(directory),
}


@pytest.mark.parametrize("name", STARTS)
def test_it_ends_and_leaves_nothing(certificates: Certificates, tmp_path: Path, name: str) -> None:
    with STARTS[name](tmp_path, certificates) as program:
        pid = program.pid
        os.kill(pid, 0)
        kept = program.stored if isinstance(program, Apache) else None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert kept is None or not kept.parent.exists()


def test_a_mistake_in_a_configuration_is_said(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apache, "_CONFIG", "")
    server = Apache(tmp_path, certificates)
    with pytest.raises(RuntimeError, match=r"apache2 did not start: .*No MPM loaded"), server:
        raise AssertionError("it has started")
    assert not server.stored.parent.exists()

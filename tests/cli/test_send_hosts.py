"""Hosts that are written in more ways than one."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.cli.command import PROGRAM, environment, run
from tests.programs import require, require_program


def ask(url: str, tmp_path: Path, **environ: str) -> tuple[int, str]:
    """What a server, or a proxy, on ::1 or 127.0.0.1 hears first; `{}` in the URL is its port."""
    host = "::1" if "::1" in url else "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    heard: list[str] = []
    (tmp_path / "f").write_bytes(b"content")
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(1 << 16).decode())
                connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        env = {name: value.format(port) for name, value in environ.items()}
        outcome = run("send", "f", url.format(port), cwd=tmp_path, env=env)
        thread.join(60)
    return outcome.code, heard[0].replace(str(port), "PORT")


@pytest.mark.parametrize("zone", ["%25lo", "%lo", "%251"])
def test_a_zone_connects_and_is_not_told(zone: str, tmp_path: Path) -> None:
    code, heard = ask(f"http://[::1{zone}]:{{}}/", tmp_path)
    assert code == 0
    assert heard.startswith("PUT /f HTTP/1.1\r\nHost: [::1]:PORT\r\n")


@pytest.mark.parametrize("host", ["fa\xdf.example", "FA\xdf.EXAMPLE", "xn--fa-hia.example"])
def test_one_name_for_a_host(host: str, tmp_path: Path) -> None:
    _, heard = ask(f"http://{host}/", tmp_path, http_proxy="http://127.0.0.1:{}")
    assert heard.startswith("CONNECT xn--fa-hia.example:80 HTTP/1.1\r\n")


def test_an_exception_in_its_own_letters(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    environ = {"http_proxy": "socks4://h", "no_proxy": "fa\xdf.invalid"}
    outcome = run("send", "f", "http://fa\xdf.invalid/", cwd=tmp_path, env=environ)
    assert outcome.code == 55
    assert "xn--fa-hia.invalid" in outcome.error


def test_link_local(tmp_path: Path) -> None:
    """In a network namespace of its own, where fe80::1234 is an address of the loopback."""
    own = [require_program("unshare"), "-n"]
    require_program("ip")
    can = os.geteuid() == 0 and subprocess.run([*own, "true"], capture_output=True).returncode == 0
    require(can, "no network namespaces: run as root")
    (tmp_path / "f").write_bytes(b"content")
    script = """
import socket, subprocess, sys, time
for command in ("link set lo up", "-6 addr add fe80::1234/64 dev lo nodad"):
    subprocess.run(["ip", *command.split()], check=True)
listener = socket.socket(socket.AF_INET6)
listener.bind(("fe80::1234", 0, 0, socket.if_nametoindex("lo")))
listener.listen()
url = f"http://[fe80::1234%25lo]:{listener.getsockname()[1]}/"
sending = subprocess.Popen([*sys.argv[1:], "send", "f", url])
connection, _ = listener.accept()
print(connection.recv(1 << 16).decode())
connection.sendall(b"HTTP/1.1 201 Created\\r\\nContent-Length: 0\\r\\n\\r\\n")
sys.exit(sending.wait())
"""
    done = subprocess.run(
        [*own, PROGRAM[0], "-c", script, *PROGRAM],
        cwd=tmp_path,
        env=environment(home=tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "\nHost: [fe80::1234]:" in done.stdout

import hashlib
import os
import resource
import socket
import subprocess
import urllib.request
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from tests.cli.command import PROGRAM, environment, no_traceback, receiving, run, run_here, started

CONTENT = os.urandom(100_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def test_json(tmp_path: Path, file: Path) -> None:
    with receiving(tmp_path / "inbox") as (running, url):
        assert run("send", file, url, cwd=tmp_path).code == 0
        assert run("send", file, url, cwd=tmp_path).code == 22
        running.interrupt()
        outcome = running.end()
    assert (outcome.code, outcome.err) == (0, "")
    _, stored, refused = outcome.objects
    assert stored["peer"].startswith("127.0.0.1:")
    assert 0 < stored["seconds"] < 60
    assert {name: stored[name] for name in ("event", "name", "path", "bytes", "sha256")} == {
        "event": "stored",
        "name": "file",
        "path": str(tmp_path / "inbox" / "file"),
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    assert (refused["event"], refused["target"]) == ("refused", "/file")
    assert refused["status"] in {409, 412}


def test_a_resumable_upload_that_is_cut_off(tmp_path: Path) -> None:
    options = ("--expire-after", "1h", "--quota", "1M", "--fsync", "--allow-origin", "*")
    with started("receive", "inbox", "-p", "0", *options, cwd=tmp_path) as running:
        url = running.line("err").split(" at ")[1].partition(";")[0]
        running.line("err")
        host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        fields = {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Origin": "http://other.example"}
        request = urllib.request.Request(f"{url}file", b"", fields, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            path = urlsplit(urljoin(f"{url}file", answer.headers["Location"])).path
        with socket.create_connection((host, int(port)), 30) as connection:
            connection.sendall(
                f"PATCH {path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n"
                "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
                "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n".encode()
            )
            assert connection.recv(12) == b"HTTP/1.1 100"
            connection.sendall(b"12345")
        assert " of file from 127.0.0.1:" in running.line("err")


@pytest.mark.parametrize("time", ["", "x", "-1s", "1w", "d", "nan"])
def test_no_time(tmp_path: Path, time: str) -> None:
    outcome = run("receive", "inbox", "--expire-after", time, cwd=tmp_path)
    assert outcome.code == 2
    assert "'--expire-after'" in outcome.error
    assert "is not a duration: write seconds, or 500ms" in outcome.error


def test_lines(tmp_path: Path, file: Path) -> None:
    with started("receive", "inbox", "-p", "0", "--overwrite", cwd=tmp_path) as running:
        begin = running.line("err")
        assert begin.startswith("receiving into inbox at http://127.0.0.1:")
        assert begin.endswith("; Ctrl-C ends it")
        command = running.line("err")
        assert command.startswith("send with:  filebody send FILE http://127.0.0.1:")
        url = command.split()[-1]
        digits = hashlib.sha256(CONTENT).hexdigest()[:12]
        for words in ("stored file: 97.7 KiB in ", "stored file again: 97.7 KiB in "):
            assert run("send", file, url, cwd=tmp_path).code == 0
            line = running.line("out")
            assert line.startswith(words)
            assert f", sha256 {digits}…, from 127.0.0.1:" in line
        with urllib.request.urlopen(f"{url}file", timeout=30) as answer:
            assert answer.read() == CONTENT
        assert running.line("out").startswith("served file: 97.7 KiB in ")
        assert run("send", file, f"{url}.hidden", cwd=tmp_path).code == 22
        assert running.line("err").startswith("refused PUT /.hidden of 127.0.0.1:")
        with socket.create_connection(("127.0.0.1", int(url.split(":")[-1].rstrip("/")))) as sock:
            sock.sendall(b"PUT /half HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nhalf")
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1000)
        assert running.line("err").startswith("aborted half of 127.0.0.1:")
        running.interrupt()
        assert running.end().code == 0
    assert (tmp_path / "inbox" / "file").read_bytes() == CONTENT


def test_quiet(tmp_path: Path, file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with started("receive", "-q", "inbox", "--port", str(port), cwd=tmp_path) as running:
        url = f"http://127.0.0.1:{port}/"
        while run("send", file, url, cwd=tmp_path).code == 55:
            assert running.process.poll() is None
        assert run("send", file, f"{url}.hidden", cwd=tmp_path).code == 22
        running.line("err")
        running.interrupt()
        outcome = running.end()
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith("refused PUT /.hidden")


def test_limits(tmp_path: Path, file: Path) -> None:
    with receiving(tmp_path / "inbox", "--max-size", "97.65K") as (_, url):
        outcome = run("send", file, url, cwd=tmp_path)
    assert outcome.code == 22
    assert "413" in outcome.error


def test_example_names_what_is_needed(tmp_path: Path) -> None:
    command = ("receive", "inbox", "-p", "0", "--host", "0.0.0.0", "--max-size", "2M")
    env = {"FILEBODY_TOKEN": "s3cret"}
    with started(*command, cwd=tmp_path, env=env) as running:
        begin, example = running.line("err"), running.line("err")
        running.interrupt()
        assert running.end().code == 0
    assert "up to 2.0 MiB each" in begin
    assert "0.0.0.0" not in begin + example
    assert example.startswith("send with:  FILEBODY_TOKEN=... filebody send FILE http://")
    assert "s3cret" not in begin + example


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["receive"], "Missing argument"),
        (["receive", "", "-p", "0"], "the directory has no name"),
        (["receive", "inbox", "-p"], "requires an argument (see filebody receive --help)"),
        (["receive", "inbox", "--max-size", "lots"], "'lots' is not a size"),
        (["receive", "inbox", "--max-size", ""], "'' is not a size"),
        (["receive", "inbox", "--port", "70000"], "70000"),
        (["receive", "inbox", "--host", "0.0.0.0"], "set a token"),
        (["receive", "inbox", "--host", "example.com"], "not an IP address"),
        (["receive", "inbox", "--key", "key.pem"], "needs its certificate"),
        (["receive", "inbox", "--idle-timeout", "-3"], "'--idle-timeout': '-3' is not a duration"),
        (["receive", "inbox", "--grace", "inf"], "'--grace': 'inf' is not a duration"),
        (["receive", "inbox", "--max-connections", "0"], "'--max-connections': 0 is not"),
    ],
)
def test_usage(arguments: list[str], part: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = run_here(*arguments, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (2, "")
    assert part in outcome.error


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["receive", "inbox", "-p", "0", "--cert", "nowhere.pem"], "cannot read nowhere.pem"),
        (["receive", "file", "-p", "0"], "file is not a directory"),
    ],
)
def test_what_shows_at_the_start(arguments: list[str], part: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = run(*arguments, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (2, "")
    assert part in outcome.error


def test_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        outcome = run("receive", "inbox", "--port", port, cwd=tmp_path)
    assert outcome.code == 2
    assert port in outcome.error
    assert "in use" in outcome.error


def test_as_many_files_may_be_open_as_connections_need(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 400), hard))
    try:
        with receiving(tmp_path / "inbox", "--max-connections", "200") as (running, _):
            [line] = [
                line
                for line in Path(f"/proc/{running.process.pid}/limits").read_text().splitlines()
                if line.startswith("Max open files")
            ]
            assert int(line.split()[3]) == min(200 * 3 + 256, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_reader_of_the_output_that_went_away(
    option: tuple[str, ...], tmp_path: Path, file: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with subprocess.Popen(
        [*PROGRAM, "receive", "inbox", "--port", str(port), *option],
        cwd=tmp_path,
        env=environment(home=tmp_path),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(writing)
        while run("send", file, f"http://127.0.0.1:{port}/", cwd=tmp_path).code == 55:
            assert process.poll() is None
        process.terminate()
        _, errors = process.communicate(timeout=60)
    no_traceback(errors)
    assert process.returncode == 0
    assert (tmp_path / "inbox" / "file").read_bytes() == CONTENT

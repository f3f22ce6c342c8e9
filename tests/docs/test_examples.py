"""Every example runs, against real servers, and does what its page says."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import dispositions, environment, receiving, run
from tests.docs.pages import DOCS, EXAMPLES, TIMEOUT_SECONDS, run_example
from tests.peers.certificates import Certificates
from tests.peers.cutter import Cutter
from tests.peers.ports import free_port
from tests.programs import require_program
from tests.receiver.process import ReceiverProcess

CONTENT = os.urandom(2_500_000)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(tmp_path) as process:
        yield process


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(CONTENT)
    return path


def stored(receiver: ReceiverProcess, name: str) -> bytes:
    return (receiver.directory / name).read_bytes()


def test_every_example_is_on_a_page_and_is_run_here() -> None:
    pages = "".join(page.read_text() for page in DOCS.rglob("*.md"))
    here = Path(__file__).read_text()
    for example in EXAMPLES.iterdir():
        if example.is_file():
            assert f"examples/{example.name}\n" in pages
            assert f'"{example.name}"' in here or f'"{example.stem}"' in here, example.name


def test_send_with_treq(receiver: ReceiverProcess, source: Path) -> None:
    printed = run_example("send_with_treq.py", source, f"{receiver.url}to.bin")
    assert printed.startswith('201 {"name": "to.bin"')
    assert stored(receiver, "to.bin") == CONTENT


def test_agent_upload(receiver: ReceiverProcess, source: Path) -> None:
    printed = run_example("agent_upload.py", source, f"{receiver.url}to.bin").splitlines()
    assert "2500000 of 2500000 bytes have arrived" in printed
    assert printed[-1].startswith('201 {"name": "to.bin"')
    assert stored(receiver, "to.bin") == CONTENT
    refused = run_example("agent_upload.py", source, f"{receiver.url}to.bin")
    assert "409 " in refused


def test_send_resumable(
    receiver: ReceiverProcess, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    printed = run_example("send_resumable.py", source, f"{receiver.url}to.bin")
    assert "chosen ietf at byte 0\n" in printed
    assert "2500000 of 2500000 bytes are safe\n2500000 bytes arrived by ietf\n" in printed
    assert stored(receiver, "to.bin") == CONTENT


def test_upload(receiver: ReceiverProcess, source: Path) -> None:
    printed = run_example("upload.py", source, f"{receiver.url}to.bin")
    assert printed.endswith(
        "2500000 of 2500000 bytes\r2500000 bytes have arrived as they were sent\n"
    )
    assert stored(receiver, "to.bin") == CONTENT
    refused = run_example("upload.py", source, f"{receiver.url}to.bin", code=1)
    assert "refused: 409 Conflict" in refused


def test_send_pipe(receiver: ReceiverProcess) -> None:
    printed = run_example("send_pipe.py", f"{receiver.url}to.bin", stdin=CONTENT)
    assert printed.startswith("201 ")
    assert stored(receiver, "to.bin") == CONTENT


def test_send_with_progress(receiver: ReceiverProcess, source: Path) -> None:
    printed = run_example("send_with_progress.py", source, f"{receiver.url}to.bin")
    assert "100%, 0 s left\n201 " in printed
    assert stored(receiver, "to.bin") == CONTENT


def test_client_for_all(receiver: ReceiverProcess, tmp_path: Path) -> None:
    path = tmp_path / "source.txt"
    path.write_bytes(b"path")
    printed = run_example("client_for_all.py", path, receiver.url, stdin=b"pipe")
    contents = {"path.bin": b"path", "bytes.bin": b"bytes", "pipe.bin": b"pipe"}
    assert printed.splitlines() == [
        f"201 {name} {hashlib.sha256(content).hexdigest()}" for name, content in contents.items()
    ]


def test_send_form(receiver: ReceiverProcess, source: Path) -> None:
    """The two programs of the page, and what the page says of the receiver."""
    with dispositions():
        process = subprocess.Popen(
            [sys.executable, EXAMPLES / "take_form.py", "0"],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            printed = run_example("send_form.py", source, url)
        finally:
            process.terminate()
    assert printed == f'200 {{"comment": 11, "file": {len(CONTENT)}}}\n'
    assert run_example("send_form.py", source, receiver.url).startswith("415 ")


def test_send_with_errors(receiver: ReceiverProcess, source: Path, tmp_path: Path) -> None:
    to = f"{receiver.url}to.bin"
    assert run_example("send_with_errors.py", source, to) == "sent\n"
    assert "refused: 409" in run_example("send_with_errors.py", source, to, code=1)
    missing = run_example("send_with_errors.py", tmp_path / "missing", to, code=1)
    assert missing.startswith("the file cannot be read: ")
    port = free_port()
    nobody = run_example("send_with_errors.py", source, f"http://127.0.0.1:{port}/", code=1)
    assert nobody.startswith("no connection: ")
    with Cutter(after_bytes=1000) as cutter:
        url = f"http://127.0.0.1:{cutter.port}/"
        assert "no answer: " in run_example("send_with_errors.py", source, url, code=1)


def test_send_with_errors_tells_of_a_body_that_changed(receiver: ReceiverProcess) -> None:
    """The file is cut short between the moment at which it is described and its first read."""
    program = (
        "import os, sys, runpy, filebody\n"
        "class Cut(filebody.PathBody):\n"
        "    def __init__(self, path):\n"
        "        super().__init__(path)\n"
        "        os.truncate(path, 10)\n"
        "filebody.PathBody = Cut\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    path = receiver.directory.parent / "cut.bin"
    path.write_bytes(CONTENT)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            EXAMPLES / "send_with_errors.py",
            path,
            receiver.url + "to",
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.stderr.startswith(f"not sent: {path} ")
    assert done.returncode == 1


def test_send_again(receiver: ReceiverProcess, source: Path) -> None:
    """The first connection is cut; the second goes through."""
    listener = socket.create_server(("127.0.0.1", 0))

    def cut_once_then_pass_on() -> None:
        with listener:
            first, _ = listener.accept()
            first.recv(1000)
            first.close()
            second, _ = listener.accept()
            with second, socket.create_connection(receiver.address) as target:
                back = threading.Thread(target=pass_on, args=(target, second))
                back.start()
                pass_on(second, target)
                back.join(TIMEOUT_SECONDS)

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=cut_once_then_pass_on)
    thread.start()
    port = listener.getsockname()[1]
    printed = run_example("send_again.py", source, f"http://127.0.0.1:{port}/to.bin")
    thread.join(TIMEOUT_SECONDS)
    assert re.fullmatch(r"attempt 1 failed: \w+\n201\n", printed), printed
    assert stored(receiver, "to.bin") == CONTENT


@pytest.mark.parametrize("limits", [("0.2", "30"), ("30", "0.2")])
def test_send_with_timeouts(
    receiver: ReceiverProcess, source: Path, limits: tuple[str, str]
) -> None:
    to = f"{receiver.url}to.bin"
    assert run_example("send_with_timeouts.py", source, to, "30", "30") == "201\n"
    with source.open("wb") as file:
        file.truncate(100_000_000)  # more than all buffers on the way hold
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        printed = run_example("send_with_timeouts.py", source, url, *limits, code=1)
    assert printed == "took too long: given up\n"


def test_send_parts(receiver: ReceiverProcess, source: Path) -> None:
    printed = run_example("send_parts.py", source, f"{receiver.url}part-")
    assert printed.splitlines() == [
        "201 bytes 0 to 1048575",
        "201 bytes 1048576 to 2097151",
        "201 bytes 2097152 to 2499999",
    ]
    parts = sorted(receiver.directory.glob("part-*"))
    assert b"".join(part.read_bytes() for part in parts) == CONTENT


def test_send_joined(receiver: ReceiverProcess, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_text(f"this is {path.name}\n")
    printed = run_example("send_joined.py", f"{receiver.url}all", *paths)
    expected = "".join(f"== {path}\nthis is {path.name}\n" for path in paths).encode()
    assert printed == f"{len(expected)} bytes\n201\n"
    assert stored(receiver, "all") == expected


def test_send_log(receiver: ReceiverProcess, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(CONTENT)
    done = threading.Event()

    def write() -> None:
        with log.open("ab", buffering=0) as file:
            while not done.wait(0.0005):
                file.write(b"one more line\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        printed = run_example("send_log.py", log, f"{receiver.url}log")
    finally:
        done.set()
        writer.join(TIMEOUT_SECONDS)
    count = int(re.fullmatch(r"201 the first (\d+) bytes\n", printed)[1])  # type: ignore[index]
    assert len(CONTENT) <= count < log.stat().st_size
    assert stored(receiver, "log") == log.read_bytes()[:count]


def test_receive(tmp_path: Path) -> None:
    with dispositions():
        process = subprocess.Popen(
            [sys.executable, EXAMPLES / "receive.py", tmp_path / "inbox"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            path = tmp_path / "a.txt"
            path.write_text("content")
            run_example("send_with_treq.py", path, f"{url}b.txt")
            assert process.stdout.readline() == f"b.txt: 7 bytes at {tmp_path}/inbox/b.txt\n"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
    assert "Traceback" not in errors
    assert [file.name for file in (tmp_path / "inbox").iterdir()] == ["b.txt"]


def test_own_bodies(tmp_path: Path) -> None:
    """The tests in "check_bodies.py", of "form_body.py" and "pattern_body.py"."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "twisted.trial",
            "--temp-directory",
            tmp_path / "trial",
            "check_bodies",
        ],
        cwd=EXAMPLES,
        env=environment({"PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 3 tests" in done.stdout


@contextlib.contextmanager
def nginx(server: str, port: int, directory: Path) -> Iterator[None]:
    """Run nginx with a configuration of the guide, in which the addresses were replaced."""
    program = require_program("nginx")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in kinds)
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{paths}{server}}}\n"
    )
    process = subprocess.Popen([program, "-p", directory, "-c", config], stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait(TIMEOUT_SECONDS)


@pytest.mark.peer
def test_behind_nginx(receiver: ReceiverProcess, source: Path, tmp_path: Path) -> None:
    port = free_port()
    server = (EXAMPLES / "nginx.conf").read_text()
    server = server.replace("127.0.0.1:8080", "{}:{}".format(*receiver.address))
    server = server.replace("127.0.0.1:8081", f"127.0.0.1:{port}")
    with nginx(server, port, tmp_path):
        url = f"http://127.0.0.1:{port}/"
        run_example("upload.py", source, f"{url}by-length.bin")
        run_example("send_pipe.py", f"{url}chunked.bin", stdin=CONTENT)
    assert stored(receiver, "by-length.bin") == stored(receiver, "chunked.bin") == CONTENT


@pytest.mark.peer
def test_below_a_path_of_nginx_with_tls_and_passwords(
    certificates: Certificates, source: Path, tmp_path: Path
) -> None:
    """All of "nginx-files.conf": each kind of upload, a page, and a form of that page's origin."""
    require_program("nginx")
    curl = require_program("curl")
    port = free_port()
    public = f"https://localhost:{port}/files/"
    inbox = tmp_path / "inbox"
    users = tmp_path / "users"
    users.write_text("ann:{PLAIN}password\n")
    small = tmp_path / "small.txt"
    small.write_bytes(b"small")
    with receiving(inbox, "--token", "secret", "--public-url", public) as (_, url):
        server = (EXAMPLES / "nginx-files.conf").read_text()
        for written, meant in (
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("/etc/ssl/files.example.org.pem", str(certificates.server_chain)),
            ("/etc/ssl/files.example.org.key", str(certificates.server_key)),
            ("/etc/nginx/files.users", str(users)),
            ("Bearer TOKEN", "Bearer secret"),
            ("http://127.0.0.1:8080/", url),
        ):
            assert written in server
            server = server.replace(written, meant)
        with nginx(server, port, tmp_path):
            send = ("send", "-u", "ann:password", "--cacert", str(certificates.authority))
            for options in (
                (str(small), public),
                (str(source), public),
                ("--parallel", "3", str(source), f"{public}parallel.bin"),
                ("--no-resume", str(source), f"{public}sub/plain.bin"),
            ):
                outcome = run(*send, *options, cwd=tmp_path)
                assert outcome.code == 0, outcome
                assert "digest verified" in outcome.out
            asking = [curl, "-sf", "--cacert", str(certificates.authority)]
            asking += ["-u", "ann:password"]
            page = subprocess.check_output([*asking, public], text=True, timeout=TIMEOUT_SECONDS)
            assert "parallel.bin" in page
            origin = f"Origin: https://localhost:{port}"
            put = [*asking, "-H", origin, "-T", str(small), f"{public}from-a-page.txt"]
            subprocess.check_output(put, timeout=TIMEOUT_SECONDS)
            refused = run("send", "--cacert", certificates.authority, small, public, cwd=tmp_path)
            assert refused.code == 22
            assert "401" in refused.error
    for name in ("source.bin", "parallel.bin", "sub/plain.bin"):
        assert (inbox / name).read_bytes() == CONTENT
    assert (
        (inbox / "small.txt").read_bytes() == (inbox / "from-a-page.txt").read_bytes() == b"small"
    )


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until something listens on the port."""
    while True:
        assert process.poll() is None, "it has ended"
        try:
            socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS).close()
        except ConnectionRefusedError:
            os.sched_yield()
        else:
            return

"""What arrives, and what is said of it."""

import hashlib
import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import PROGRAM, environment, no_traceback, receiving, run, started
from tests.cli.server import Peer, serving, take_all

CONTENT = os.urandom(300_000)


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    directory = tmp_path_factory.mktemp("receiver") / "inbox"
    with receiving(directory, "--overwrite") as (_, url):
        yield directory, url


def test_trial(tmp_path: Path) -> None:
    (tmp_path / "a file.bin").write_bytes(CONTENT)
    outcome = run("try", "a file.bin", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("sent a file.bin to received/a file.bin: 293.0 KiB in ")
    assert outcome.out.endswith(", digest verified\n")
    assert (tmp_path / "received" / "a file.bin").read_bytes() == CONTENT
    assert os.listdir(tmp_path / "received") == ["a file.bin"]


def test_trial_again(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        (tmp_path / "f").write_bytes(content)
        assert run("try", "f", cwd=tmp_path).code == 0
        assert (tmp_path / "received" / "f").read_bytes() == content


def test_a_token_in_the_environment_does_not_matter_in_a_trial(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    outcome = run("try", "f", cwd=tmp_path, env={"FILEBODY_TOKEN": "not its"})
    assert outcome.code == 0


NAMES = [
    "plain",
    "with space",
    "ünïcödé 漢字",
    "100%.bin",
    "a%41b",
    'it\'s "quoted"',
    "#hash?query&more=1",
    "plus+and;semi,colon:8080",
    "-dash",
]


def test_names_arrive(tmp_path: Path, inbox: tuple[Path, str]) -> None:
    directory, url = inbox
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode())
    outcome = run("send", "--", *NAMES, url, cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    for name, line in zip(NAMES, outcome.out.splitlines(), strict=True):
        assert line.startswith(f"sent {name} to ")
        assert line.endswith("digest verified")
        assert (directory / name).read_bytes() == name.encode()


@pytest.mark.parametrize("name", [b"new\nline \x1b[31m", b"not utf-8 \xff"])
def test_names_that_no_terminal_should_see(name: bytes, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(CONTENT)
    with serving(take_all) as server:
        plain = run("send", path, server.url, cwd=tmp_path)
        as_json = run("send", "--json", path, server.url, cwd=tmp_path)
    assert (plain.code, as_json.code) == (0, 0)
    assert len(plain.out.splitlines()) == 1
    assert "\x1b" not in plain.out
    assert len(as_json.objects) == 1


def test_several(tmp_path: Path, inbox: tuple[Path, str]) -> None:
    directory, url = inbox
    (tmp_path / "sub").mkdir()
    for name in ("one", "two", "sub/three"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    outcome = run("send", "one", "two", "sub/three", f"{url}several/", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.split(":")[0] for line in outcome.out.splitlines()] == [
        f"sent {name} to http" for name in ("one", "two", "sub/three")
    ]
    for name in ("one", "two", "sub/three"):
        stored = directory / "several" / Path(name).name
        assert stored.read_bytes() == name.encode() * 1000


def test_json(tmp_path: Path, inbox: tuple[Path, str]) -> None:
    _, url = inbox
    (tmp_path / "a b").write_bytes(CONTENT)
    outcome = run("send", "--json", "a b", "missing", url, cwd=tmp_path)
    sent, missing = outcome.objects
    assert 0 < sent.pop("seconds") < 60
    assert sent == {
        "event": "sent",
        "source": "a b",
        "url": f"{url}a%20b",
        "status": 201,
        "size": len(CONTENT),
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "verified": True,
        "coding": None,
        "encoded_bytes": None,
        "protocol": None,
        "resumed_bytes": 0,
        "upload": None,
        "error": None,
        "error_kind": None,
        "exit_code": 0,
    }
    assert missing.keys() == sent.keys() | {"seconds"}
    assert (missing["event"], missing["error_kind"]) == ("failed", "unreadable")
    assert (missing["exit_code"], missing["size"]) == (26, None)
    assert missing["status"] is None
    assert missing["sha256"] is None
    assert missing["bytes"] == 0
    assert "missing" in missing["error"]
    assert outcome.code == 26
    assert outcome.error == f"filebody: {missing['error']}"


def test_quiet(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    outcome = run("try", "-q", "f", "missing", cwd=tmp_path)
    assert outcome.code == 26
    assert outcome.out == ""
    assert "missing" in outcome.error


def test_stdin(tmp_path: Path, inbox: tuple[Path, str]) -> None:
    directory, url = inbox
    outcome = run("send", "-", "--name", "from a pipe", url, cwd=tmp_path, stdin=CONTENT)
    assert outcome.code == 0
    assert "sent <stdin> to " in outcome.out
    assert "digest verified" in outcome.out
    assert (directory / "from a pipe").read_bytes() == CONTENT


def test_stdin_that_comes_in_pieces(tmp_path: Path) -> None:
    with (
        serving(take_all) as server,
        started("send", "--no-resume", "-", f"{server.url}x", cwd=tmp_path) as running,
    ):
        running.write(b"first ")
        assert server.was_connected.wait(30)
        running.write(b"second")
        running.process.stdin.close()  # type: ignore[union-attr]
        assert running.end().code == 0
    [received] = server.requests
    assert bytes(received.content) == b"first second"
    assert received.fields["transfer-encoding"] == "chunked"


def test_stdin_that_is_a_file_has_a_length(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    with serving(take_all) as server, open(tmp_path / "f", "rb") as file:
        done = subprocess.run(
            [*PROGRAM, "send", "-", f"{server.url}x"],
            stdin=file,
            env=environment(home=tmp_path),
            timeout=60,
            capture_output=True,
        )
    assert done.returncode == 0
    assert server.requests[0].fields["content-length"] == str(len(CONTENT))
    assert server.requests[0].content == CONTENT


def test_stdin_that_is_closed(tmp_path: Path) -> None:
    command = " ".join(PROGRAM)
    done = subprocess.run(
        ["sh", "-c", f"{command} send - http://127.0.0.1:9/x <&-"],
        cwd=tmp_path,
        env=environment(home=tmp_path),
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 26
    assert "the standard input is closed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        serving(take_all) as server,
        started("send", "--no-resume", "pipe", server.url, cwd=tmp_path) as running,
        open(tmp_path / "pipe", "wb") as pipe,
    ):
        pipe.write(CONTENT)
        pipe.close()
        assert running.end().code == 0
    assert server.requests[0].content == CONTENT


def test_empty(tmp_path: Path, inbox: tuple[Path, str]) -> None:
    directory, url = inbox
    (tmp_path / "empty").touch()
    outcome = run("send", "empty", url, cwd=tmp_path)
    assert outcome.code == 0
    assert "digest verified" in outcome.out
    assert (directory / "empty").read_bytes() == b""


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH"])
def test_request(method: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    fields = ("-H", "X-One: 1", "--header", "Content-Type: video/mp4", "-H", "Host: other")
    with serving(take_all) as server:
        url = f"{server.url}up/?part=1"
        assert run("send", "-X", method, *fields, "f", url, cwd=tmp_path).code == 0
    [received] = server.requests
    assert received.is_complete
    assert received.content == CONTENT
    assert (received.method, received.target) == (method, "/up/f?part=1")
    assert received.fields["x-one"] == "1"
    assert received.fields["content-type"] == "video/mp4"
    assert received.fields["host"] == "other"
    assert received.fields["content-length"] == str(len(CONTENT))


def test_token(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    env = {"FILEBODY_TOKEN": "s3cret"}
    with receiving(tmp_path / "inbox", env=env) as (_, url):
        refused = run("send", "f", url, cwd=tmp_path)
        assert refused.code == 22
        assert "401 Unauthorized" in refused.error
        assert "--token" in refused.error
        assert run("send", "--token", "s3cret", "f", f"{url}1", cwd=tmp_path).code == 0
        assert run("send", "f", f"{url}2", cwd=tmp_path, env=env).code == 0


def answering(digest: bytes, content: bytes = b"") -> object:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        value = f"sha-512=:{b64encode(b'x').decode()}:, sha-256=:{b64encode(digest).decode()}:"
        peer.answer(201, content, Repr_Digest=value)

    return script


def test_digest_of_another_server(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    with serving(answering(hashlib.sha256(CONTENT).digest())) as server:  # type: ignore[arg-type]
        outcome = run("send", "f", server.url, cwd=tmp_path)
    assert outcome.code == 0
    assert outcome.out.endswith("digest verified\n")


def test_wrong_digest(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    wrong = hashlib.sha256(b"other").digest()
    with serving(answering(wrong)) as server:  # type: ignore[arg-type]
        outcome = run("send", "f", server.url, cwd=tmp_path)
        as_json = run("send", "-q", "--json", "f", server.url, cwd=tmp_path)
    assert outcome.code == as_json.code == 65
    assert outcome.out == ""
    for part in (server.url + "f", wrong.hex(), hashlib.sha256(CONTENT).hexdigest(), "again"):
        assert part in outcome.error
    [facts] = as_json.objects
    assert (facts["status"], facts["verified"]) == (201, False)
    assert facts["error"]


def test_digest_of_the_answer_itself(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    content = b"thank you"
    with serving(answering(hashlib.sha256(content).digest(), content)) as server:  # type: ignore[arg-type]
        outcome = run("send", "f", server.url, cwd=tmp_path)
    assert outcome.code == 0
    assert "verified" not in outcome.out


def test_an_answer_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    def endless(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.socket.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # until the command has had enough
            peer.socket.sendall(b"x" * 65536)

    (tmp_path / "f").write_bytes(CONTENT)
    with serving(endless) as server:
        assert run("send", "f", server.url, cwd=tmp_path).code == 0


def test_informational_answers_are_no_answers(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
        peer.body()
        peer.answer(204)

    (tmp_path / "f").write_bytes(CONTENT)
    with serving(script) as server:
        assert run("send", "--json", "f", server.url, cwd=tmp_path).objects[0]["status"] == 204


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_reader_of_the_output_that_went_away(option: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*PROGRAM, "try", *option, "f"],
            cwd=tmp_path,
            env=environment(home=tmp_path),
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            text=True,
        )
    finally:
        os.close(writing)
    no_traceback(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "received" / "f").read_bytes() == CONTENT


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    for name in ("f", "g"):
        (tmp_path / name).write_bytes(CONTENT)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, "try", "--json", "f", "g"],
            cwd=tmp_path,
            env=environment(home=tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            text=True,
        )
    assert done.returncode == 0, "they were sent"
    assert done.stderr == (
        "filebody: cannot write to the standard output: No space left on device; going on without\n"
    )
    assert (tmp_path / "received" / "g").read_bytes() == CONTENT


def test_digest_that_cannot_be_compared(tmp_path: Path) -> None:
    values = {"broken": "nonsense(", "number": "sha-256=1", "unknown": "md5=:eA==:"}

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(200, Repr_Digest=values[peer.received.target.lstrip("/")])

    for name in values:
        (tmp_path / name).write_bytes(CONTENT)
    with serving(script) as server:
        outcome = run("send", *values, server.url, cwd=tmp_path)
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == len(values)
    assert "verified" not in outcome.out

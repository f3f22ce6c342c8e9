"""`filebody uploads`: what was begun and not finished."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import attrs
import pytest

from filebody.resumable import Checkpoint, Checkpoints, Held, Part, Protocol, SourceIdentity
from filebody.resumable._checkpoint import upload_id
from tests.agent.driven import closed_port
from tests.cli.command import STATE, Running, receiving, run, run_here, started
from tests.cli.test_resume import SIZE, cut_off, large, listed, wait_until

__all__ = ["large"]


@attrs.frozen
class Begun:
    """Two uploads that were begun: to `url`a and `url`b."""

    inbox: Path
    url: str
    receiver: Running
    ids: list[str]


@pytest.fixture
def begun(tmp_path: Path, large: Path) -> Iterator[Begun]:
    inbox = tmp_path / "inbox"
    with receiving(inbox, "--token", "secret") as (receiver, url):
        for number, name in enumerate("ab", 1):
            cut_off(inbox, url + name, "--token", "secret", count=number * 500_000)
        yield Begun(inbox, url, receiver, [str(one["upload"]) for one in listed(tmp_path)])


def test_none(tmp_path: Path) -> None:
    for command in (("uploads",), ("uploads", "resume", "--all"), ("uploads", "cancel", "--all")):
        outcome = run_here(*command, cwd=tmp_path)
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "no upload is unfinished\n")
    assert run_here("uploads", "--json", cwd=tmp_path).out == ""


def test_they_are_listed(tmp_path: Path, begun: Begun) -> None:
    outcome = run("uploads", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    heading, first, second = outcome.out.splitlines()
    assert heading.split() == ["ID", "CONFIRMED", "BEGUN", "WHAT"]
    for line, begun_id, name in ((first, begun.ids[0], "a"), (second, begun.ids[1], "b")):
        assert line.startswith(begun_id)
        assert " of 5.7 MiB (" in line
        assert line.endswith(f"{tmp_path}/large to {begun.url}{name}")
    for facts in listed(tmp_path):
        assert facts["total_bytes"] == SIZE
        assert facts["trouble"] is None
    (tmp_path / "large").unlink()
    assert "cannot be read: No such file" in run("uploads", cwd=tmp_path).out


def test_resumed_by_the_beginning_of_an_id(tmp_path: Path, begun: Begun) -> None:
    name = begun.ids[0][:12].upper()
    outcome = run("uploads", "resume", "--token", "secret", "--json", name, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    [facts] = outcome.objects
    assert facts["url"] == begun.url + "a"
    assert facts["resumed_bytes"] >= 500_000
    assert facts["verified"] is True
    assert (begun.inbox / "a").read_bytes() == (tmp_path / "large").read_bytes()
    assert [one["upload"] for one in listed(tmp_path)] == begun.ids[1:]


def test_all_are_resumed(tmp_path: Path, begun: Begun) -> None:
    token = {"FILEBODY_TOKEN": "secret"}
    outcome = run("uploads", "resume", "--all", cwd=tmp_path, env=token)
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("digest verified") == 2
    assert outcome.out.count(" that were there") == 2
    for name in "ab":
        assert (begun.inbox / name).read_bytes() == (tmp_path / "large").read_bytes()
    assert listed(tmp_path) == []


def test_without_the_token_it_can_be_resumed_later(tmp_path: Path, begun: Begun) -> None:
    outcome = run("uploads", "resume", begun.ids[0], cwd=tmp_path)
    assert outcome.code == 22
    last = outcome.err.splitlines()[-1]
    assert "401" in last
    assert "--token" in last
    assert begun.ids[0] in [one["upload"] for one in listed(tmp_path)]


def test_cancelled(tmp_path: Path, begun: Begun) -> None:
    options = ("--token", "secret")
    outcome = run("uploads", "cancel", *options, begun.ids[0], cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"cancelled {begun.ids[0]}, {tmp_path}/large to {begun.url}a\n"
    assert [one["upload"] for one in listed(tmp_path)] == begun.ids[1:]
    assert len(list(begun.inbox.glob(".filebody-uploads/*.part"))) == 1
    outcome = run("uploads", "cancel", *options, "--all", "--json", cwd=tmp_path)
    assert outcome.objects == [
        {
            "event": "cancelled",
            "upload": begun.ids[1],
            "url": begun.url + "b",
            "error": None,
            "error_kind": None,
            "exit_code": 0,
        }
    ]
    assert list(begun.inbox.glob(".filebody-uploads/*")) == []


def test_a_server_that_has_gone(tmp_path: Path, begun: Begun) -> None:
    begun.receiver.close()
    patience = ("--give-up-after", "0.1")
    outcome = run("uploads", "cancel", *patience, begun.ids[0], cwd=tmp_path)
    assert outcome.code == 55
    assert f"cannot cancel {begun.ids[0]}" in outcome.error
    assert outcome.error.endswith("try again, or add --forget to forget it here alone")
    assert len(listed(tmp_path)) == 2
    outcome = run("uploads", "cancel", *patience, "--forget", "--all", cwd=tmp_path)
    assert outcome.code == 0
    assert outcome.err.count("filebody: the server was not told: ") == 2
    assert outcome.out.count("cancelled") == 2
    assert listed(tmp_path) == []


def test_interrupted_resume(tmp_path: Path, begun: Begun) -> None:
    options = ("--token", "secret", "--limit-rate", "500K")
    with started("uploads", "resume", *options, *begun.ids, cwd=tmp_path) as resuming:
        assert "resuming " in resuming.line("err")
        resuming.interrupt(signal.SIGINT)
        outcome = resuming.end()
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1].endswith(f"filebody uploads resume {begun.ids[0]}")
    assert len(listed(tmp_path)) == 2


def kept(directory: Path, url: str) -> Checkpoint:
    source = directory / "source"
    source.write_bytes(b"source")
    held = Held(
        upload_url=f"{url}/uploads/1",
        protocol=Protocol.TUS,
        interop_version=0,
        checksum=None,
        confirmed=3,
        sent=3,
    )
    checkpoint = Checkpoint(
        id=upload_id(str(source), url),
        source=str(source),
        url=url,
        method="PUT",
        identity=SourceIdentity.of(str(source)),
        parts=(Part(start=0, stop=6, held=held),),
        created_at=1.0,
        updated_at=1.0,
        expires_at=2.0,
    )
    Checkpoints(directory / STATE / "filebody" / "uploads").save(checkpoint)
    return checkpoint


@pytest.mark.parametrize("command", ["resume", "cancel"])
def test_what_makes_no_sense(command: str, tmp_path: Path) -> None:
    one = kept(tmp_path, "http://one.example/").id
    source = str(tmp_path / "source")
    urls = [f"http://other.example/{number}" for number in range(500)]
    other = kept(
        tmp_path, next(url for url in urls if upload_id(source, url).startswith(one[0]))
    ).id
    assert other != one
    for arguments, words in (
        ([], "name uploads by their ID, or all by --all"),
        (["--all", one], "name uploads by their ID, or all by --all"),
        (["xy"], "no unfinished upload is called 'xy': filebody uploads lists them"),
        ([""], "no unfinished upload is called ''"),
        ([one[0]], f"{one[0]!r} may be {' or '.join(sorted([one, other]))}: write"),
        (["--all", "--token", "t"], "different servers (http://"),
        (["--all", "-H", "A: b"], "different servers"),
        ([one, "--proxy", "ftp://h"], "proxy"),
    ):
        outcome = run_here("uploads", command, *arguments, cwd=tmp_path)
        assert (outcome.code, outcome.out) == (2, "")
        assert words in outcome.error


def test_what_another_process_has_finished_is_not_begun_again(tmp_path: Path, large: Path) -> None:
    inbox, other = tmp_path / "inbox", tmp_path / "other"
    other.write_bytes(large.read_bytes())
    with receiving(inbox) as (_, url):
        for name, count in (("large", 500_000), ("other", 2_500_000)):
            cut_off(inbox, url + name, source=name, count=count)
        first, second = [str(one["upload"]) for one in listed(tmp_path)]
        options = ("--json", "--limit-rate", "600K")
        with started("uploads", "resume", *options, first, second, cwd=tmp_path) as resuming:
            assert "resuming " in resuming.line("err")
            outcome = run("uploads", "resume", second, cwd=tmp_path)
            assert outcome.code == 0, outcome.err
            ended = resuming.end()
        assert ended.code == 2
        sent, not_sent = ended.objects
        assert sent["error"] is None
        assert (
            not_sent["error"] == f"{second} is not unfinished any more: another process was at it"
        )
        assert (not_sent["status"], not_sent["bytes"]) == (None, 0)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    name = kept(tmp_path, "http://127.0.0.1:9/").id
    (tmp_path / STATE / "filebody" / "uploads" / f"{name}.lock").mkdir()
    assert name in run("uploads", cwd=tmp_path).out
    outcome = run("uploads", "cancel", name, cwd=tmp_path)
    assert outcome.code == 2
    assert f"cannot cancel {name}" in outcome.error
    assert "cannot write to " in outcome.error


def test_json_of_what_is_done_stands_behind_it(tmp_path: Path) -> None:
    outcome = run_here("uploads", "--json", "resume", "a1b2", cwd=tmp_path)
    assert outcome.code == 2
    assert "--json goes behind resume" in outcome.error


def test_what_has_expired_is_said(tmp_path: Path) -> None:
    kept(tmp_path, "http://one.example/?X-Amz-Signature=secret")
    outcome = run_here("uploads", cwd=tmp_path)
    assert "3 B of 6 B (50%)" in outcome.out
    assert " d ago" in outcome.out
    assert "expired at the server: it will begin anew" in outcome.out
    assert "secret" not in outcome.out
    [facts] = run_here("uploads", "--json", cwd=tmp_path).objects
    assert facts["confirmed_bytes"] == 3


def test_a_look_keeps_nobody_out(tmp_path: Path) -> None:
    kept(tmp_path, "http://one.example/")
    with mock.patch.object(Checkpoints, "lock", side_effect=AssertionError("it was taken")):
        assert run_here("uploads", cwd=tmp_path).code == 0


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / STATE).write_bytes(b"no directory")
    outcome = run_here("uploads", cwd=tmp_path)
    assert outcome.code == 2
    assert "cannot read " in outcome.error
    assert "Not a directory" in outcome.error


@pytest.mark.parametrize("command", [(), ("resume",), ("cancel",)])
def test_help(command: tuple[str, ...], tmp_path: Path) -> None:
    outcome = run_here("uploads", *command, "--help", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert "Examples:" in outcome.out
    assert "--json" in outcome.out


@pytest.mark.parametrize(
    "content", ["[" * 200_000, '{"format": 1e999}', None], ids=["nested", "infinite", "fifo"]
)
def test_a_damaged_one_is_told_and_left_aside(content: str | None, tmp_path: Path) -> None:
    name = kept(tmp_path, "http://one.example/").id
    damaged = tmp_path / STATE / "filebody" / "uploads" / "aa.json"
    if content is None:
        os.mkfifo(damaged)
    else:
        damaged.write_text(content)
    outcome = run_here("uploads", cwd=tmp_path)
    assert outcome.code == 0
    assert f"left aside: {damaged}" in outcome.error
    assert name in outcome.out


def test_a_directory_that_others_can_write_to(tmp_path: Path) -> None:
    kept(tmp_path, "http://one.example/")
    (tmp_path / STATE / "filebody" / "uploads").chmod(0o777)
    outcome = run_here("uploads", cwd=tmp_path)
    assert outcome.code == 2
    assert "other users can write to it: chmod go-w" in outcome.error


def test_a_stream_whose_process_was_killed(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    with receiving(inbox) as (_, url):
        with started("send", "-", "--name", "dump", url, cwd=tmp_path) as sending:
            sending.write(bytes(100_000))
            wait_until(lambda: any(path.stat().st_size for path in inbox.rglob("*.part")))
            wait_until(lambda: bool(listed(tmp_path)))
            sending.interrupt(signal.SIGKILL)
            sending.end()
        [facts] = listed(tmp_path)
        assert (facts["source"], facts["total_bytes"]) == ("<stdin>", None)
        assert facts["trouble"] == "it cannot be read again: cancel it"
        name = str(facts["upload"])
        outcome = run("uploads", "resume", name, cwd=tmp_path)
        assert outcome.code == 2
        assert f"filebody uploads cancel {name}" in outcome.error
        assert "of a stream" in run("uploads", cwd=tmp_path).out
        outcome = run("uploads", "cancel", name, cwd=tmp_path)
        assert outcome.code == 0, outcome.err
        assert not list(inbox.rglob("*.part"))
        assert listed(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stream_that_is_stopped_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    with receiving(inbox) as (_, url):
        with started("send", "-", "--name", "dump", url, cwd=tmp_path) as sending:
            sending.write(bytes(100_000))
            wait_until(lambda: any(path.stat().st_size for path in inbox.rglob("*.part")))
            sending.interrupt(number)
            outcome = sending.end()
        assert outcome.code == 128 + number
        assert not list(inbox.rglob("*.part"))
        assert listed(tmp_path) == []


def test_a_pipe_that_nobody_has_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        receiving(tmp_path / "inbox") as (_, url),
        started("send", "pipe", url, cwd=tmp_path) as sending,
    ):
        assert sending.line("err").startswith("filebody: pipe: nothing to read yet; waiting")
        (tmp_path / "pipe").write_bytes(b"it has come")
        assert sending.end().code == 0
        assert (tmp_path / "inbox" / "pipe").read_bytes() == b"it has come"


def test_a_dead_server_is_not_waited_for(tmp_path: Path) -> None:
    with closed_port() as port:
        kept(tmp_path, f"http://127.0.0.1:{port}/")
        outcome = run("uploads", "cancel", "--forget", "--all", cwd=tmp_path)
    assert outcome.code == 0
    assert outcome.err.count("connection refused") == 1
    assert outcome.err.count("of the body") == 1
    assert listed(tmp_path) == []

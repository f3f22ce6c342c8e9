"""Parts become one file: with kills, faults and other requests in between."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs
import pytest

from filebody.receiver import _gathering
from filebody.receiver._exclusion import exclude_others
from filebody.receiver._joining import finished, forget, identifier_of, join
from filebody.receiver._record import Kind, Piece, Record
from filebody.receiver._refusal import Refusal
from filebody.receiver._stock import unfinished
from tests.long import by_form, long
from tests.receiver.killed_join import PIECES, ask, make, opened, stored
from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import TUS, metadata, tus_append, tus_create, tus_head
from tests.receiver.resuming import ask as request

if TYPE_CHECKING:
    from pathlib import Path

    from filebody.receiver._shelf import Shelf
    from tests.receiver.wire import Answer

WHOLE = b"".join(PIECES)
DIGEST = hashlib.sha256(WHOLE).hexdigest()
SECONDS = 120


def hidden(directory: Path, pattern: str) -> list[str]:
    return [path.name for path in (directory / ".filebody-uploads").glob(pattern)]


def named(name: str, parts: tuple[str, ...]) -> Record:
    concat = "final;" + " ".join(f"/.uploads/{part}" for part in parts)
    return Record(kind=Kind.TUS, name=(name,), concat=concat)


@pytest.mark.parametrize("way", ["again", "restart"])
@pytest.mark.parametrize("times", ["once", "twice"])
def test_killed_at_every_moment(tmp_path: Path, times: str, way: str) -> None:
    command = [sys.executable, "-m", "tests.receiver.killed_join", str(tmp_path), times, way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    *before, last = (json.loads(line) for line in done.stdout.splitlines())
    assert len(before) > 50
    assert not last["killed"]
    for number, facts in enumerate([*before, last], 1):
        assert facts["is_right"], number
        assert facts["is_one"], number
        assert facts["digest"] == DIGEST, number
        assert facts["left"] == [], number
        assert facts["reserved"] == 0, number
        for offsets in facts["offsets"]:
            assert offsets == [len(piece) for piece in PIECES], number


def test_the_first_part_is_neither_copied_nor_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        inode = os.stat(tmp_path / ".filebody-uploads" / f"{parts[0]}.part").st_ino

        def never(*_: object) -> bytes:
            raise AssertionError("it is read again")

        monkeypatch.setattr(os, "pread", never)
        state = join(shelf, named("joined", parts), parts, max_size=None)
    assert (tmp_path / "joined").stat().st_ino == inode
    assert state.record.ending is not None
    assert state.record.ending.sha256 == DIGEST
    assert (tmp_path / "joined").read_bytes() == WHOLE


@pytest.mark.parametrize("has_holes", [True, False])
def test_there_is_little_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_holes: bool
) -> None:
    monkeypatch.setattr(_gathering, "_COPY_BYTES", 1 << 15)
    monkeypatch.setattr(_gathering, "_TWICE_BYTES", 1 << 16)
    if not has_holes:
        monkeypatch.setattr(_gathering, "_REMOVE", None)
    most = 0
    sync = os.fsync

    def watched(descriptor: int) -> None:
        nonlocal most
        sync(descriptor)
        found = (tmp_path / ".filebody-uploads").glob("*.part")
        most = max(most, sum(path.stat().st_blocks * 512 for path in found))

    with opened(tmp_path) as shelf:
        parts = make(shelf)
        monkeypatch.setattr(os, "fsync", watched)
        join(shelf, named("joined", parts), parts, max_size=None)
    assert (tmp_path / "joined").read_bytes() == WHOLE
    # Whole blocks, and one piece of it twice.
    bound = len(WHOLE) + (1 << 16) + len(PIECES) * 4096 * 2
    assert (most < bound) == (has_holes and _gathering._REMOVE is not None)


@pytest.mark.parametrize("picked", [(1,), (2,), (2, 0), (0, 2), (2, 3, 1)])
def test_single_and_empty_parts(tmp_path: Path, picked: tuple[int, ...]) -> None:
    with opened(tmp_path) as shelf:
        all_parts = make(shelf)
        parts = tuple(all_parts[number] for number in picked)
        join(shelf, named("joined", parts), parts, max_size=None)
        assert (tmp_path / "joined").read_bytes() == b"".join(PIECES[number] for number in picked)
        assert [shelf.state(part).offset for part in all_parts] == [len(p) for p in PIECES]
        assert len(hidden(tmp_path, "*.part")) == len(PIECES) - len(picked)


def test_a_part_twice(tmp_path: Path) -> None:
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        for again in ((*parts, parts[0]), (parts[1], parts[1])):
            with pytest.raises(Refusal, match=r"400.*only once"):
                ask(shelf, again)
        ask(shelf, parts)


def test_a_part_of_two_files(tmp_path: Path) -> None:
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        ask(shelf, parts[:2])
        for others in (parts[1:], parts[1::-1], parts[:1]):
            with pytest.raises(Refusal, match=r"409.*already"):
                ask(shelf, others)
        ask(shelf, parts[2:])
        assert len(stored(tmp_path)) == 2


def test_another_file_took_a_part_while_nobody_was_there(tmp_path: Path) -> None:
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        # Killed before it could mark them.
        pieces = [shelf.state(part) for part in parts]
        made_of = tuple(Piece(state.upload_id, state.offset) for state in pieces)
        record = attrs.evolve(named("first", parts), length=len(WHOLE), made_of=made_of)
        begun = shelf.create_of_parts(identifier_of(parts), record)
        ask(shelf, parts[1:])
        with pytest.raises(Refusal, match="409"):
            finished(shelf, begun.upload_id)
        assert unfinished(shelf, []) == []
        [name] = stored(tmp_path)
        assert (tmp_path / name).read_bytes() == WHOLE[len(PIECES[0]) :]


def test_a_taken_name_is_seen_first(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("other")
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        with pytest.raises(Refusal, match=r"409.*taken"):
            join(shelf, named("taken", parts), parts, max_size=None)
        ask(shelf, parts)  # they are still there, for another name


def refused(shelf: Shelf, record: Record, parts: tuple[str, ...], why: str) -> None:
    """Check that a join was refused for good, and that nothing is left of it."""
    with pytest.raises(Refusal, match=why):
        join(shelf, record, parts, max_size=None)
    for upload_id in (*parts, identifier_of(parts)):
        with pytest.raises(Refusal, match="404"):
            shelf.state(upload_id)
    assert shelf.files.names() == []
    assert shelf._quota.uploads == 0


def test_a_name_that_is_taken_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        monkeypatch.setattr(shelf.placement, "check_free", lambda *_: None)
        (tmp_path / "taken").write_text("other")
        refused(shelf, named("taken", parts), parts, "409.*taken")
        assert (tmp_path / "taken").read_text() == "other"


def test_not_what_was_promised(tmp_path: Path) -> None:
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        record = attrs.evolve(named("x", parts), promised={"sha-256": "00" * 32})
        refused(shelf, record, parts, "400.*promised")
        assert stored(tmp_path) == []


def full(shelf: Shelf, parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Try to join while the disk becomes full, in the middle of a piece."""
    monkeypatch.setattr(_gathering, "_COPY_BYTES", 1 << 15)
    write, room = os.pwrite, [100_000]

    def bounded(descriptor: int, data: memoryview, offset: int) -> int:
        data = data[: room[0]]
        if not data:
            raise OSError(errno.ENOSPC, "full")
        room[0] -= len(data)
        return write(descriptor, data, offset)

    with monkeypatch.context() as context:
        context.setattr(os, "pwrite", bounded)
        with pytest.raises(Refusal, match="507"):
            join(shelf, named("joined", parts), parts, max_size=None)


@pytest.mark.parametrize("is_restarted", [True, False])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_restarted: bool) -> None:
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        full(shelf, parts, monkeypatch)
        assert [shelf.state(part).offset for part in parts] == [len(p) for p in PIECES]
        with pytest.raises(Refusal, match="507"):  # the parts still count
            shelf.create(Record(kind=Kind.TUS, length=8192))
        if not is_restarted:
            state = join(shelf, named("joined", parts), parts, max_size=None)
    if is_restarted:
        with opened(tmp_path) as shelf:
            with pytest.raises(Refusal, match="507"):
                shelf.create(Record(kind=Kind.TUS, length=8192))
            state = join(shelf, named("joined", parts), parts, max_size=None)
            assert shelf._quota.uploads == 0
    assert state.record.ending is not None
    assert state.record.ending.sha256 == DIGEST
    assert (tmp_path / "joined").read_bytes() == WHOLE
    assert hidden(tmp_path, "*.part") == []


def test_a_join_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        full(shelf, parts, monkeypatch)
        forget(shelf, identifier_of(parts))
        assert shelf.files.names() == []
        assert shelf._quota.uploads == 0


def test_bytes_that_a_power_cut_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as shelf:
        parts = make(shelf)
        full(shelf, parts, monkeypatch)
        os.truncate(tmp_path / ".filebody-uploads" / f"{identifier_of(parts)}.part", 3)
        refused(shelf, named("joined", parts), parts, "410.*send the parts again")
        assert stored(tmp_path) == []


def test_two_receivers(tmp_path: Path) -> None:
    with opened(tmp_path) as shelf, opened(tmp_path) as other:
        parts = make(shelf)
        descriptor = other.open_part(parts[0])
        exclude_others(descriptor)
        with pytest.raises(Refusal, match="503"):
            ask(shelf, parts)
        os.close(descriptor)
        ask(shelf, parts)


def sent(receiver: ReceiverProcess, pieces: list[bytes]) -> list[str]:
    paths = []
    for piece in pieces:
        paths.append(tus_create(receiver, len(piece), "/", "Upload-Concat: partial"))
        assert tus_append(receiver, paths[-1], 0, piece).status == 204
    return paths


def posted(receiver: ReceiverProcess, paths: list[str], target: str = "/") -> Answer:
    concat = f"Upload-Concat: final;{' '.join(paths)}"
    return request(receiver, "POST", target, TUS, concat, body=b"")


def test_many_ask_at_once(receiver: ReceiverProcess) -> None:
    """For the same, and for others of the same parts, under names that the receiver makes up."""
    paths = sent(receiver, list(PIECES))
    asked = [paths, paths[::-1]] * 8
    with ThreadPoolExecutor(len(asked)) as threads:
        answers = list(threads.map(lambda parts: posted(receiver, parts), asked))
    made = [answer for answer in answers if answer.status == 201]
    assert len(made) == len(asked) / 2
    assert len({answer.fields["location"] for answer in made}) == 1
    assert {answer.status for answer in answers} == {201, 422}
    [name] = stored(receiver.directory)
    content = (receiver.directory / name).read_bytes()
    assert content in {WHOLE, b"".join(PIECES[::-1])}
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert {answer.fields["repr-digest"] for answer in made} == {f"sha-256=:{digest}:"}


def test_parts_become_one_file_only(receiver: ReceiverProcess) -> None:
    paths = sent(receiver, list(PIECES))
    assert posted(receiver, paths, "/one").status == 201
    answer = posted(receiver, paths, "/two")
    assert answer.status == 422
    assert b"these parts have become one" in answer.body
    assert posted(receiver, paths, "/one").status == 201
    assert stored(receiver.directory) == ["one"]


def test_what_can_be_done_with_a_joined_part(receiver: ReceiverProcess) -> None:
    paths = sent(receiver, list(PIECES))
    assert posted(receiver, paths, "/joined").status == 201
    for path, piece in zip(paths, PIECES, strict=True):
        answer = tus_head(receiver, path)
        assert (answer.status, answer.fields["upload-offset"]) == (200, str(len(piece)))
        assert tus_append(receiver, path, len(piece), b"").status == 204
        assert tus_append(receiver, path, len(piece), b"x").status == 413
        assert request(receiver, "DELETE", path, TUS).status == 204
    assert (receiver.directory / "joined").read_bytes() == WHOLE


@long
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_the_receiver_is_killed(tmp_path: Path, share: float) -> None:
    """While it joins, seen from outside; it finishes by itself, or for who asks again."""
    pieces = [os.urandom(by_form(quick=6, long=24) << 20) for _ in range(3)]
    length = sum(map(len, pieces))
    said = metadata(filename="joined")
    with ReceiverProcess(tmp_path) as receiver:
        paths = sent(receiver, pieces)
        parts = tuple(path.rpartition("/")[2] for path in paths)
        target = receiver.directory / ".filebody-uploads" / f"{identifier_of(parts)}.part"
        concat = f"Upload-Concat: final;{' '.join(paths)}"
        with ThreadPoolExecutor(1) as threads:
            answer = threads.submit(request, receiver, "POST", "/", TUS, concat, said, body=b"")
            while not answer.done() and _size(target) <= share * length * 0.99:
                pass
            receiver.kill()
            answer.exception()  # or there was an answer; that is no matter
    with ReceiverProcess(tmp_path) as receiver:
        for path, piece in zip(paths, pieces, strict=True):
            assert tus_head(receiver, path).fields["upload-offset"] == str(len(piece))
        assert request(receiver, "POST", "/", TUS, concat, said, body=b"").status == 201
        assert stored(receiver.directory) == ["joined"]
        assert (receiver.directory / "joined").read_bytes() == b"".join(pieces)
        assert hidden(receiver.directory, "*.part") == []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import shutil
import time
from typing import TYPE_CHECKING

import attrs
import pytest

from filebody.receiver._ages import Ages
from filebody.receiver._part import Part, complete, recovered
from filebody.receiver._record import Ending, Kind, Record, dumped, loaded
from filebody.receiver._refusal import Refusal
from filebody.receiver._room import RoomMaker
from filebody.receiver._shelf import Shelf
from filebody.receiver._stock import sweep
from filebody.receiver._store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from filebody.receiver._shelf import State

HELLO = b"hello world"
ID = "a" * 32
RECORD = Record(kind=Kind.TUS, name=("deep", "file"), length=len(HELLO))


class Killed(BaseException):
    """Stands for the moment of a SIGKILL: nothing after it happens."""


class Clock:
    """Time that a test lets pass, and a wall clock that it sets.

    Attributes:
        offset: The seconds that have passed.
        jump: The seconds by which the wall clock was set forward.
    """

    offset = 0.0
    jump = 0.0

    def now(self) -> float:
        return time.time() + self.offset + self.jump

    def monotonic(self) -> float:
        return time.monotonic() + self.offset

    def ages(self) -> Ages:
        return Ages(self.now, self.monotonic)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    store.open()
    yield store
    store.close()


@pytest.fixture
def opened(store: Store) -> Iterator[Callable[..., Shelf]]:
    shelves = []

    def make(
        *,
        quota: int | None = None,
        is_synced: bool = False,
        clock: Clock | None = None,
        expire_after_seconds: float = 100,
    ) -> Shelf:
        shelf = Shelf(
            store.root,
            store.placement,
            quota=quota,
            expire_after_seconds=expire_after_seconds,
            is_synced=is_synced,
            ages=(clock or Clock()).ages(),
        )
        shelf.open()
        shelves.append(shelf)
        return shelf

    yield make
    for shelf in shelves:
        shelf.close()


def part_of(shelf: Shelf, state: State) -> Part:
    return Part(shelf, state, stop=state.record.length, max_size=None)


def filled(shelf: Shelf, record: Record = RECORD, content: bytes = HELLO) -> State:
    state = shelf.create(record)
    part = part_of(shelf, state)
    part.write([content])
    part.settle({})
    return shelf.state(state.upload_id)


def left(directory: Path) -> list[str]:
    return sorted(path.suffix for path in (directory / ".filebody-uploads").iterdir())


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        Record(kind=Kind.IETF, taken_status=None, promised={"sha-256": "00"}),
        attrs.evolve(RECORD, ending=Ending(inode=1, size_bytes=2, sha256="ab", is_done=True)),
    ],
)
def test_records_come_back(record: Record) -> None:
    assert loaded(ID, dumped(ID, record)) == record


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"version": 2}',
        b"\xff",
        b"[" * 100_000,
        b'{"version": ' + b"1" * 5000 + b"}",
    ],
)
def test_damaged_records(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loaded(ID, content)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("upload_id", "b" * 32),
        ("name", ["..", "..", "etc", "cron.d", "x"]),
        ("name", [".ssh", "authorized_keys"]),
        ("name", ["a/b"]),
        ("name", "ab"),
        ("name", [1]),
        ("length", -1),
        ("length", 1.5),
        ("length", True),
        ("length", float("nan")),
        ("length", 10**30),
        ("taken_status", 200),
        ("metadata", {}),
        ("promised", {"md5": "00"}),
        ("promised", {"sha-256": "xy"}),
        ("ending", {"inode": 1}),
        ("made_of", [{"upload_id": "../x", "size_bytes": 1}]),
        ("joined_into", "../x"),
        ("kind", "ftp"),
    ],
)
def test_records_that_nobody_wrote(fact: str, value: object) -> None:
    facts = json.loads(dumped(ID, RECORD))
    assert loaded(ID, json.dumps(facts).encode()) == RECORD
    with pytest.raises(ValueError, match=r"."):
        loaded(ID, json.dumps({**facts, fact: value}).encode())


def test_records_are_for_nobody_else(tmp_path: Path, opened: Callable[..., Shelf]) -> None:
    opened().create(RECORD)
    directory = tmp_path / ".filebody-uploads"
    assert directory.stat().st_mode & 0o777 == 0o700
    [record] = directory.glob("*.json")
    assert record.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("is_synced", [False, True])
def test_a_later_receiver_goes_on(opened: Callable[..., Shelf], is_synced: bool) -> None:
    state = opened(is_synced=is_synced).create(RECORD)
    for start in range(0, len(HELLO), 4):
        shelf = opened(is_synced=is_synced)
        state = shelf.state(state.upload_id)
        assert state.offset == start
        part = part_of(shelf, state)
        assert part.is_behind == (start > 0)
        part.write([HELLO[start : start + 4]])
        assert part.settle({}) == min(start + 4, len(HELLO))
    done = recovered(shelf, state.upload_id)
    assert done.record.ending is not None
    assert done.record.ending.sha256 == hashlib.sha256(HELLO).hexdigest()


def test_killed_before_the_end_is_noted(tmp_path: Path, opened: Callable[..., Shelf]) -> None:
    state = filled(opened())
    done = recovered(opened(), state.upload_id)
    assert done.record.is_stored
    assert (tmp_path / "deep" / "file").read_bytes() == HELLO
    assert left(tmp_path) == [".json"]


@pytest.mark.parametrize("moment", ["before the name", "after the name", "at the link"])
def test_killed_at_the_name(
    tmp_path: Path, opened: Callable[..., Shelf], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    shelf = opened()
    state = filled(shelf)
    place, unlink = shelf.placement.place, os.unlink

    def killed(*arguments: object) -> bool:
        if moment == "after the name":
            place(*arguments)  # type: ignore[arg-type]
        raise Killed

    def killed_unlink(*arguments: object, **more: object) -> None:
        raise Killed

    with monkeypatch.context() as context:
        if moment == "at the link":
            context.setattr(os, "unlink", killed_unlink)
        else:
            context.setattr(shelf.placement, "place", killed)
        with pytest.raises(Killed):
            complete(shelf, state)
    assert os.unlink is unlink

    for _ in range(2):
        done = recovered(opened(), state.upload_id)
        assert done.record.is_stored
        assert done.offset == len(HELLO)
    assert (tmp_path / "deep" / "file").read_bytes() == HELLO
    assert left(tmp_path) == [".json"]


def test_somebody_else_took_the_name_meanwhile(
    tmp_path: Path, opened: Callable[..., Shelf]
) -> None:
    shelf = opened()
    state = filled(shelf)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text("other")
    with pytest.raises(Refusal, match="409"):
        recovered(shelf, state.upload_id)
    with pytest.raises(Refusal, match="404"):
        shelf.state(state.upload_id)
    assert (tmp_path / "deep" / "file").read_text() == "other"
    assert left(tmp_path) == []


def test_a_disk_that_fails_at_the_end_can_be_tried_again(
    tmp_path: Path, opened: Callable[..., Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = opened()
    state = filled(shelf)

    def broken(*_: object) -> bool:
        raise OSError(5, "broken")

    with monkeypatch.context() as context:
        context.setattr(shelf.placement, "place", broken)
        with pytest.raises(Refusal, match="500"):
            complete(shelf, state)
    assert recovered(shelf, state.upload_id).record.is_stored
    assert (tmp_path / "deep" / "file").read_bytes() == HELLO


def test_unverified_bytes_do_not_count_after_a_kill(opened: Callable[..., Shelf]) -> None:
    shelf = opened()
    state = filled(shelf, attrs.evolve(RECORD, length=20))
    part = Part(shelf, state, stop=20, max_size=None, algorithms=("sha1",))
    part.write([b"unsure"])
    later = opened()  # the first one was killed
    part.abort = lambda: None  # type: ignore[method-assign]
    assert later.state(state.upload_id).offset == len(HELLO)
    os.close(part._descriptor)
    again = part_of(later, later.state(state.upload_id))
    again.write([b"!" * 9])
    again.settle({})
    done = recovered(later, state.upload_id)
    assert done.record.ending is not None
    assert done.record.ending.sha256 == hashlib.sha256(HELLO + b"!" * 9).hexdigest()


def test_two_receivers_of_one_directory(opened: Callable[..., Shelf]) -> None:
    one, other = opened(), opened()
    state = one.create(RECORD)
    part = part_of(one, state)
    with pytest.raises(Refusal, match="503"):
        part_of(other, other.state(state.upload_id))
    part.write([HELLO[:3]])
    part.park()
    assert other.state(state.upload_id).offset == 3


def test_what_expires(tmp_path: Path, opened: Callable[..., Shelf]) -> None:
    clock = Clock()
    shelf = opened(clock=clock)
    state = filled(shelf, content=HELLO[:3])
    held = shelf.create(RECORD)
    (tmp_path / ".filebody-uploads" / "unrelated").touch()
    assert sweep(shelf, []) == 0
    clock.offset = 101
    with pytest.raises(Refusal, match="410"):
        shelf.state(state.upload_id)
    assert sweep(shelf, [held.upload_id]) == 1
    assert left(tmp_path) == ["", ".json", ".part"]
    with pytest.raises(Refusal, match="404"):
        shelf.state(state.upload_id)


@pytest.mark.parametrize("jump", [864_000, -864_000])
def test_the_clock_is_set(tmp_path: Path, opened: Callable[..., Shelf], jump: float) -> None:
    clock = Clock()
    shelf = opened(clock=clock)
    waiting, sent, stored = (shelf.create(attrs.evolve(RECORD, name=(x,))) for x in "abc")
    part = part_of(shelf, stored)
    part.write([HELLO])
    part.settle({})
    recovered(shelf, stored.upload_id)
    assert shelf.state(stored.upload_id).age_seconds < 30
    part = part_of(shelf, sent)
    clock.offset, clock.jump = 60, jump
    part.write([HELLO[:3]])
    part.settle({})
    sent_part = tmp_path / ".filebody-uploads" / f"{sent.upload_id}.part"
    os.utime(sent_part, (clock.now(), clock.now()))  # as a kernel whose clock was set does
    assert sweep(shelf, []) == 0
    assert 30 < shelf.state(waiting.upload_id).left_seconds < 50
    assert abs(shelf.state(waiting.upload_id).expires - clock.now() - 40) < 10
    later = opened(clock=clock)  # started after the jump, it has the files alone to go by
    assert 30 < later.state(waiting.upload_id).left_seconds < 50
    clock.offset = 101
    assert sweep(shelf, []) == 2
    assert [path.stem for path in (tmp_path / ".filebody-uploads").glob("*.json")] == [
        sent.upload_id
    ]
    clock.offset, clock.jump = 220, 0
    assert sweep(shelf, []) == 1


@pytest.mark.parametrize("age_seconds", [0, 1000])
def test_room_is_made_from_what_is_hardly_missed(
    opened: Callable[..., Shelf], age_seconds: float
) -> None:
    clock = Clock()
    shelf = opened(quota=6000, clock=clock, expire_after_seconds=10_000)
    held: list[str] = []
    shelf.make_room = RoomMaker(shelf, lambda: held)
    piped = attrs.evolve(RECORD, name=("pipe",), length=None)
    pipe, empty = filled(shelf, piped), shelf.create(RECORD)
    held_pipe, begun = filled(shelf, piped), filled(shelf, content=HELLO[:3])
    held.append(held_pipe.upload_id)
    stored = filled(shelf, attrs.evolve(RECORD, name=("stored",)))
    recovered(shelf, stored.upload_id)
    busy = filled(shelf, piped)
    part = part_of(shelf, busy)
    clock.offset = age_seconds
    large = attrs.evolve(RECORD, name=("large",), length=5000)
    with pytest.raises(Refusal, match="507"):
        shelf.create(large)
    kept = {name.removesuffix(".json") for name in shelf.files.names() if name.endswith(".json")}
    missed = {held_pipe.upload_id, begun.upload_id, busy.upload_id}
    unmissed = {pipe.upload_id, empty.upload_id, stored.upload_id}
    assert kept == (missed if age_seconds else missed | unmissed)
    part.abort()


def test_a_pipe_is_not_waited_for_as_long_as_a_file(opened: Callable[..., Shelf]) -> None:
    shelf = opened(expire_after_seconds=7 * 86400)
    assert shelf.create(RECORD).left_seconds > 6 * 86400
    assert shelf.create(attrs.evolve(RECORD, length=None)).left_seconds <= 86400


def test_strays_go(tmp_path: Path, opened: Callable[..., Shelf]) -> None:
    clock = Clock()
    shelf = opened(clock=clock)
    state = shelf.create(RECORD)
    [record] = (tmp_path / ".filebody-uploads").glob("*.json")
    record.write_text("damaged")
    with pytest.raises(Refusal, match="404"):
        shelf.state(state.upload_id)
    assert sweep(shelf, []) == 0  # it may be that its record is just being written
    clock.offset = 101
    sweep(shelf, [])
    assert left(tmp_path) == []


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    os.rename(path, path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _large(path: Path) -> None:
    os.truncate(path, 1 << 40)


@pytest.mark.parametrize(
    ("put", "suffix"),
    [(_large, ".json"), *itertools.product([_fifo, _link, _directory], [".json", ".part"])],
)
def test_something_else_has_the_name_of_a_file_of_an_upload(
    tmp_path: Path,
    opened: Callable[..., Shelf],
    put: Callable[[Path], None],
    suffix: str,
) -> None:
    clock = Clock()
    shelf = opened(clock=clock)
    state, other = shelf.create(RECORD), shelf.create(RECORD)
    put(tmp_path / ".filebody-uploads" / f"{state.upload_id}{suffix}")
    with pytest.raises(Refusal, match="404"):
        shelf.state(state.upload_id)
    if suffix == ".part":
        with pytest.raises(Refusal, match="404"):
            part_of(shelf, state)
    opened()
    assert shelf.state(other.upload_id).offset == 0
    clock.offset = 101
    sweep(shelf, [])
    assert not (tmp_path / ".filebody-uploads" / f"{other.upload_id}.part").exists()


def test_the_directory_of_uploads_is_removed(tmp_path: Path, opened: Callable[..., Shelf]) -> None:
    shelf = opened()
    state = filled(shelf, content=HELLO[:3])
    part = part_of(shelf, state)
    shutil.rmtree(tmp_path / ".filebody-uploads")
    part.write([HELLO[3:]])
    part.settle({})
    with pytest.raises(Refusal, match="404"):
        shelf.state(state.upload_id)
    with pytest.raises(Refusal, match="404"):
        part_of(shelf, state)
    assert sweep(shelf, []) == 0
    filled(shelf)
    assert left(tmp_path) == [".json", ".part"]


@pytest.mark.parametrize("mode", [0o770, 0o777])
def test_a_directory_that_others_can_write_to_is_not_used(
    tmp_path: Path, opened: Callable[..., Shelf], mode: int
) -> None:
    shelf = opened()
    state = shelf.create(RECORD)
    (tmp_path / ".filebody-uploads").chmod(mode)
    with pytest.raises(Refusal, match=r"403.*not the receiver's own"):
        shelf.state(state.upload_id)
    with pytest.raises(Refusal, match=r"403.*not the receiver's own"):
        shelf.create(RECORD)
    (tmp_path / ".filebody-uploads").chmod(0o700)
    assert shelf.state(state.upload_id).offset == 0


def test_a_full_disk_leaves_an_upload_as_it_is(
    opened: Callable[..., Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = opened()
    state = filled(shelf, content=HELLO[:3])

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(Refusal, match="507"):
            Part(shelf, state, stop=11, max_size=None, algorithms=("sha1",))
        with pytest.raises(Refusal, match="507"):
            shelf.create(RECORD)
    assert shelf.state(state.upload_id).offset == 3
    assert shelf.state(state.upload_id).record == state.record


def test_a_quota_counts_what_an_earlier_receiver_left(opened: Callable[..., Shelf]) -> None:
    record = attrs.evolve(RECORD, length=5000)
    first = opened(quota=12_000)
    states = [first.create(record) for _ in range(2)]
    later = opened(quota=12_000)
    with pytest.raises(Refusal, match="507"):
        later.create(record)
    later.remove(states[0].upload_id)
    later.create(record)


@pytest.mark.parametrize("upload_id", ["", "..", "x" * 31, "../" + "x" * 29, "x" * 33])
def test_no_identifiers(opened: Callable[..., Shelf], upload_id: str) -> None:
    shelf = opened()
    for call in (shelf.state, shelf.open_part):
        with pytest.raises(Refusal, match="404"):
            call(upload_id)

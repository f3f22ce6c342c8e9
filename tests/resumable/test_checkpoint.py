"""Checkpoints: their storage, damage of it, and whether a file is still the one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filebody.resumable._begin import look
from filebody.resumable._checkpoint import Checkpoint, Part, Prefix, upload_id
from filebody.resumable._checkpoint_store import Checkpoints, default_directory
from filebody.resumable._identity import _SAMPLES, Likeness, SourceIdentity
from filebody.resumable._state import Held
from filebody.resumable._values import Protocol
from tests.programs import require_program

URL = "http://example.org/files/a"
OTHER_URL = "http://example.org/files/b"


def checkpoint(source: Path) -> Checkpoint:
    held = Held(
        upload_url="http://example.org/uploads/1",
        protocol=Protocol.TUS,
        interop_version=0,
        checksum=None,
        confirmed=7,
        sent=9,
    )
    return Checkpoint(
        id=upload_id(str(source), URL),
        source=str(source),
        url=URL,
        method="PUT",
        identity=SourceIdentity.of(str(source)),
        parts=(
            Part(start=0, stop=10, held=held, prefix=Prefix(9, "ab" * 32)),
            Part(start=10, stop=1000),
        ),
        created_at=1.0,
        updated_at=2.0,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(bytes(1000))
    return path


def test_it_comes_back_as_it_was(tmp_path: Path, source: Path) -> None:
    store = Checkpoints(tmp_path / "state" / "deep")
    written = checkpoint(source)
    store.save(written)
    assert store.load(written.id) == written
    assert store.all() == [written]
    assert written.confirmed_bytes == 7
    store.remove(written.id)
    store.remove(written.id)
    assert store.load(written.id) is None


def test_nobody_else_can_read_it(tmp_path: Path, source: Path) -> None:
    store = Checkpoints(tmp_path / "state")
    store.save(checkpoint(source))
    (file,) = store.directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700


def test_what_makes_no_sense_is_none(tmp_path: Path, source: Path) -> None:
    store = Checkpoints(tmp_path / "state")
    written = checkpoint(source)
    store.save(written)
    path = store.directory / f"{written.id}.json"
    good = json.loads(path.read_text())
    for bad in (
        "",
        "[]",
        "{",
        json.dumps(good | {"format": 2}),
        json.dumps(good | {"parts": 3}),
        json.dumps(good | {"identity": {}}),
        json.dumps(good | {"id": "other"}),
    ):
        path.write_text(bad)
        assert store.load(written.id) is None
    assert store.all() == []


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Checkpoints(tmp_path / "state")
    written = checkpoint(source)
    store.save(written)

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        store.save(attrs.evolve(written, updated_at=3.0))
    assert store.load(written.id) == written


def test_a_name_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the name"):
        Checkpoints(tmp_path).load("../x")


def test_the_directory_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "filebody" / "uploads"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_directory() == tmp_path / ".local/state/filebody/uploads"


def test_one_holds_the_lock(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "state")
    first, second = store.lock("a1"), store.lock("a1")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    first.release()
    assert second.acquire()
    second.release()
    assert list(store.directory.iterdir()) == []


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys; from filebody.resumable import Checkpoints;"
        "assert Checkpoints(sys.argv[1]).lock('a1').acquire(); print('held', flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        lock = Checkpoints(tmp_path).lock("a1")
        assert not lock.acquire()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lock.acquire()
        lock.release()


class TestIdentity:
    def test_same(self, source: Path) -> None:
        first = SourceIdentity.of(str(source))
        assert first.compare(SourceIdentity.of(str(source))) == (Likeness.SAME, "")

    def test_any_change_makes_another(self, source: Path) -> None:
        before = SourceIdentity.of(str(source))
        times = (source.stat().st_atime_ns, source.stat().st_mtime_ns)
        source.write_bytes(bytes(999) + b"x")
        os.utime(source, ns=times)
        likeness, why = before.compare(SourceIdentity.of(str(source)))
        assert likeness is Likeness.OTHER
        assert "its content" in why

    def test_another_number_of_the_device_is_a_restart(self, source: Path) -> None:
        before = SourceIdentity.of(str(source))
        likeness, why = before.compare(attrs.evolve(before, device=before.device + 1))
        assert likeness is Likeness.SAME
        assert "device" in why

    def test_another_mode_or_link_is_the_same_file(self, source: Path) -> None:
        before = SourceIdentity.of(str(source))
        likeness, why = before.compare(attrs.evolve(before, ctime_ns=before.ctime_ns + 1))
        assert likeness is Likeness.SAME
        assert "status change time" in why

    def test_another_file_with_the_same_samples_is_a_doubt(self, source: Path) -> None:
        before = SourceIdentity.of(str(source))
        other = attrs.evolve(before, ctime_ns=before.ctime_ns + 1, inode=before.inode + 1)
        assert before.compare(other)[0] is Likeness.IN_DOUBT

    def test_another_number_of_the_file_is_a_doubt(self, source: Path) -> None:
        before = SourceIdentity.of(str(source))
        likeness, _ = before.compare(attrs.evolve(before, inode=before.inode + 1))
        assert likeness is Likeness.IN_DOUBT

    @pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 300_000, 5_000_000])
    def test_both_ends_are_looked_at(self, tmp_path: Path, size: int) -> None:
        path = tmp_path / "file"
        content = bytearray(size)
        path.write_bytes(content)
        seen = {SourceIdentity.of(str(path)).samples}
        for position in {0, size - 1} if size else ():
            content[position] ^= 1
            path.write_bytes(content)
            seen.add(SourceIdentity.of(str(path)).samples)
        assert len(seen) == 1 + len({0, size - 1} if size else ())
        assert _SAMPLES > 1


@pytest.fixture
def saved(tmp_path: Path, source: Path) -> tuple[Checkpoints, Checkpoint, Path]:
    """A checkpoint that is whole, and the path of one for another URL that a test damages."""
    store = Checkpoints(tmp_path / "state")
    written = checkpoint(source)
    store.save(written)
    other = attrs.evolve(written, id=upload_id(str(source), OTHER_URL), url=OTHER_URL)
    store.save(other)
    return store, written, store.directory / f"{other.id}.json"


def is_left_aside(saved: tuple[Checkpoints, Checkpoint, Path]) -> bool:
    """Whether the damaged one is told and not used, and the other one is used."""
    store, written, path = saved
    is_known = store.damaged() == [path] and store.is_damaged(path.stem)
    return is_known and store.load(path.stem) is None and store.all() == [written]


@pytest.mark.parametrize(
    "damage",
    [
        {"created_at": float("nan")},
        {"created_at": 1e300},
        {"expires_at": float("inf")},
        {"source": "/a\0b"},
        {"source": "/a\ud800"},
        {"source": "/another"},
        {"source": 3},
        {"url": "no URL"},
        {"url": "http://example.org/elsewhere"},
        {"method": "PUT / HTTP/1.1\r\nX: "},
        {"parts": []},
        {"parts": [{"start": 0, "stop": 999, "held": None, "prefix": None}]},
        {"parts": [{"start": 1, "stop": 1000, "held": None, "prefix": None}]},
        {"parts": [{"start": 0, "stop": 1e999, "held": None, "prefix": None}]},
        {"parts": {"start": 0}},
        {"identity": []},
    ],
    ids=str,
)
def test_what_cannot_be_is_left_aside(
    saved: tuple[Checkpoints, Checkpoint, Path], damage: dict[str, object]
) -> None:
    _, _, path = saved
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    assert is_left_aside(saved)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("confirmed", 10),
        ("confirmed", -1),
        ("confirmed", True),
        ("sent", 11),
        ("sent", "9"),
        ("append_limit", 0),
        ("protocol", "plain"),
        ("protocol", ["tus"]),
        ("checksum", "crc7"),
        ("upload_url", "ftp://example.org/"),
        ("interop_version", 1.5),
    ],
)
def test_what_no_upload_can_have_is_left_aside(
    saved: tuple[Checkpoints, Checkpoint, Path], fact: str, value: object
) -> None:
    _, _, path = saved
    facts = json.loads(path.read_text())
    facts["parts"][0]["held"][fact] = value
    path.write_text(json.dumps(facts))
    assert is_left_aside(saved)


@pytest.mark.parametrize(
    "content",
    [b"", b"[" * 200_000, b"\xff", b'{"format": 1e999}', b" " * (1 << 23), b"9" * 5000],
    ids=["empty", "nested", "no UTF-8", "infinite", "large", "a long number"],
)
def test_nonsense_is_left_aside(
    saved: tuple[Checkpoints, Checkpoint, Path], content: bytes
) -> None:
    saved[2].write_bytes(content)
    assert is_left_aside(saved)


@pytest.mark.parametrize("kind", ["fifo", "directory", "link", "device"])
def test_what_is_no_file_is_left_aside(
    saved: tuple[Checkpoints, Checkpoint, Path], kind: str, tmp_path: Path
) -> None:
    path = saved[2]
    if kind == "link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "device":
        path.unlink()
        path.symlink_to("/dev/zero")
    else:
        path.unlink()
        os.mkfifo(path) if kind == "fifo" else path.mkdir()
    assert is_left_aside(saved)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def paths_in(facts: object, before: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Every place in a value that JSON has."""
    found = [before] if before else []
    pairs: list[tuple[object, object]] = []
    if isinstance(facts, dict):
        pairs = list(facts.items())
    elif isinstance(facts, list):
        pairs = list(enumerate(facts))
    for key, value in pairs:
        found += paths_in(value, (*before, key))
    return found


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_leaves_the_others(
    saved: tuple[Checkpoints, Checkpoint, Path], data: st.DataObject
) -> None:
    store, written, path = saved
    facts = attrs.evolve(written, id=path.stem, url=OTHER_URL).to_json()
    facts = json.loads(json.dumps(facts))
    for place in data.draw(st.lists(st.sampled_from(paths_in(facts)), min_size=1, max_size=3)):
        holder: Any = facts
        try:
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = data.draw(JSON)
        except (TypeError, IndexError, KeyError):
            continue  # it is gone with what was there before
    path.write_text(json.dumps(facts))
    assert written in store.all()
    found = store.load(path.stem)
    assert (found is None) == (store.damaged() == [path])
    if found is not None:
        assert found.id == path.stem
        assert Checkpoint.from_json(found.to_json()) == found


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200))
def test_any_bytes_leave_the_others(
    saved: tuple[Checkpoints, Checkpoint, Path], content: bytes
) -> None:
    saved[2].write_bytes(content)
    assert is_left_aside(saved)


def test_a_damaged_one_is_begun_anew(
    saved: tuple[Checkpoints, Checkpoint, Path], source: Path
) -> None:
    store, _, path = saved
    path.write_text("{")
    found = look(store, str(source), OTHER_URL, "PUT", False, is_abandoned=lambda: False)
    found.lock.release()
    assert not found.is_resumed
    assert found.why_anew == "what was kept of an earlier upload cannot be read"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused(
    saved: tuple[Checkpoints, Checkpoint, Path], mode: int
) -> None:
    store, written, _ = saved
    store.directory.chmod(mode)
    for action in (
        store.all,
        store.damaged,
        lambda: store.load(written.id),
        lambda: store.save(written),
        lambda: store.lock(written.id),
    ):
        with pytest.raises(PermissionError, match="other users can write to it"):
            action()


def test_directories_are_made_for_the_user_alone(tmp_path: Path, source: Path) -> None:
    before = os.umask(0)
    try:
        store = Checkpoints(tmp_path / "filebody" / "uploads")
        store.save(checkpoint(source))
    finally:
        os.umask(before)
    for path in (store.directory, store.directory.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.parametrize("left", ["fifo", "link"])
def test_what_lies_in_the_way_of_a_write_is_replaced(
    saved: tuple[Checkpoints, Checkpoint, Path], left: str, tmp_path: Path
) -> None:
    store, written, _ = saved
    part = store.directory / f"{written.id}.part"
    if left == "fifo":
        os.mkfifo(part)
    else:
        part.symlink_to(tmp_path / "target")
    store.save(attrs.evolve(written, updated_at=5.0))
    assert store.load(written.id) == attrs.evolve(written, updated_at=5.0)
    assert not (tmp_path / "target").exists()


LIMITED = """
import resource, signal, sys
from filebody.resumable import Checkpoints
import attrs
store = Checkpoints(sys.argv[1])
[one] = store.all()
size = (store.directory / f"{one.id}.json").stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in range(0, size, 97):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        store.save(attrs.evolve(one, updated_at=9.0))
    except OSError as error:
        print(error.errno)
    else:
        raise SystemExit("it was written although it has no room")
"""


def test_a_limit_on_the_size_of_files_leaves_what_was_there(tmp_path: Path, source: Path) -> None:
    store = Checkpoints(tmp_path / "state")
    written = checkpoint(source)
    store.save(written)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(store.directory)], capture_output=True, check=True
    )
    assert set(done.stdout.split()) == {str(errno.EFBIG).encode()}
    assert store.all() == [written]
    assert [path.suffix for path in store.directory.iterdir()] == [".json"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, source: Path) -> None:
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        [require_program("mount"), "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)],
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here: needs root")
    try:
        store = Checkpoints(place / "state")
        written = checkpoint(source)
        store.save(written)
        with (place / "fill").open("wb", buffering=0) as fill, contextlib.suppress(OSError):
            while True:
                fill.write(bytes(4096))
        many = tuple(Part(start=at, stop=at + 1) for at in range(1000))
        with pytest.raises(OSError, match="No space"):
            store.save(attrs.evolve(written, parts=many))
        assert store.all() == [written]
        (place / "fill").unlink()
        store.save(attrs.evolve(written, parts=many))
        assert store.all() == [attrs.evolve(written, parts=many)]
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_short_writes_are_gone_on_with(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    store = Checkpoints(tmp_path / "state")
    store.save(checkpoint(source))
    assert store.all() == [checkpoint(source)]


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", fail)
    assert default_directory() == Path("/.local/state/filebody/uploads")


def test_a_look_that_nobody_waits_for_ends(tmp_path: Path, source: Path) -> None:
    store = Checkpoints(tmp_path / "state")
    written = checkpoint(source)
    store.save(written)
    with pytest.raises(InterruptedError):
        look(store, str(source), URL, "PUT", True, is_abandoned=lambda: True)
    lock = store.lock(written.id)
    assert lock.acquire()
    lock.release()

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from filebody.resumable._begin import look
from filebody.resumable._checkpoint import (
    Checkpoint,
    Checkpoints,
    Part,
    Prefix,
    default_directory,
    upload_id,
)
from filebody.resumable._identity import _SAMPLES, Likeness, SourceIdentity
from filebody.resumable._state import Held
from filebody.resumable._values import Protocol

URL = "http://example.org/files/a"


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
            Part(start=0, stop=10, held=held, prefix=Prefix(9, "ab")),
            Part(start=10, stop=20),
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
        "import sys; from filebody.resumable._checkpoint import Checkpoints;"
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


def test_what_others_put_there_hides_nothing(tmp_path: Path, source: Path) -> None:
    store = Checkpoints(tmp_path / "state")
    written = checkpoint(source)
    store.save(written)
    (store.directory / "abc.json").mkdir()
    assert store.all() == [written]


@pytest.mark.parametrize(
    "damage",
    [
        {"created_at": float("nan")},
        {"expires_at": float("inf")},
        {"source": "/a\0b"},
        {"url": "no URL"},
    ],
)
def test_what_cannot_be_is_none(tmp_path: Path, source: Path, damage: dict[str, object]) -> None:
    store = Checkpoints(tmp_path / "state")
    written = checkpoint(source)
    store.save(written)
    path = store.directory / f"{written.id}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    assert store.load(written.id) is None


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

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from filebody.errors import UsageError
from filebody.receiver import _placement, _rename
from filebody.receiver._refusal import Refusal
from filebody.receiver._store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "received"


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    store = Store(directory)
    store.open()
    yield store
    store.close()
    assert not any(path.name.startswith(".") for path in directory.iterdir())


@pytest.fixture
def overwriting(directory: Path) -> Iterator[Store]:
    store = Store(directory, overwrite=True)
    store.open()
    yield store
    store.close()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.name != "lock")


def status_of(refusal: pytest.ExceptionInfo[Refusal]) -> int:
    return refusal.value.status


def test_a_file_has_its_name_only_after_commit(store: Store, directory: Path) -> None:
    incoming = store.begin(("a", "b"), length=None)
    incoming.write([b"con", bytearray(b"tent"), memoryview(b"!")])
    assert not (directory / "a").exists()
    stored = incoming.commit({})
    assert stored.path == directory / "a" / "b"
    assert stored.path.read_bytes() == b"content!"
    assert stored.sha256 == hashlib.sha256(b"content!").digest()
    assert (stored.size_bytes, stored.replaced) == (8, False)


def test_the_mode_is_the_umasks(store: Store) -> None:
    old = os.umask(0o027)
    try:
        incoming = store.begin(("a",), length=None)
    finally:
        os.umask(old)
    assert stat.S_IMODE(incoming.commit({}).path.stat().st_mode) == 0o640


def test_abort_leaves_nothing_and_may_be_repeated(store: Store, directory: Path) -> None:
    incoming = store.begin(("a", "b"), length=4)
    incoming.write([b"1234"])
    incoming.abort()
    incoming.abort()
    assert not [name for name in names(directory) if name.endswith(".part") or name == "a"]
    with pytest.raises(ValueError, match="ended"):
        incoming.write([b"5"])
    with pytest.raises(ValueError, match="ended"):
        incoming.commit({})


@pytest.mark.parametrize("algorithms", [(), ("sha-512",)])
def test_a_wrong_digest_stores_nothing(
    store: Store, directory: Path, algorithms: tuple[str, ...]
) -> None:
    right = hashlib.sha512(b"body").digest()
    incoming = store.begin(("a",), length=4, algorithms=algorithms)
    incoming.write([b"body"])
    with pytest.raises(Refusal, match="sha-512") as refusal:
        incoming.commit({"sha-512": bytes(64)})
    assert status_of(refusal) == 400
    assert not (directory / "a").exists()
    # Not the body's fault: with the right one the same bytes can still be stored.
    assert incoming.commit({"sha-512": right}).size_bytes == 4


def test_a_taken_name_is_refused_early(store: Store, directory: Path) -> None:
    (directory / "a").write_bytes(b"old")
    with pytest.raises(Refusal) as refusal:
        store.begin(("a",), length=None)
    assert status_of(refusal) == 409
    with pytest.raises(Refusal) as refusal:
        store.begin(("a",), length=None, create_only=True)
    assert status_of(refusal) == 412


def test_a_name_taken_meanwhile_is_refused_late(store: Store, directory: Path) -> None:
    incoming = store.begin(("a",), length=None)
    (directory / "a").write_bytes(b"theirs")
    with pytest.raises(Refusal) as refusal:
        incoming.commit({})
    assert status_of(refusal) == 409
    incoming.abort()
    assert (directory / "a").read_bytes() == b"theirs"


@pytest.mark.parametrize("way", ["rename", "link", "claim"])
def test_of_many_uploads_of_one_name_one_wins(
    store: Store, directory: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way != "rename":
        monkeypatch.setattr(_rename, "_renameat2", None)
    if way == "claim":

        def link(*args: object, **kwargs: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", link)
    count = 8
    together = threading.Barrier(count)

    def upload(number: int) -> int:
        incoming = store.begin(("d", "a"), length=None)
        incoming.write([b"%d" % number])
        together.wait(30)
        try:
            incoming.commit({})
        except Refusal as refusal:
            incoming.abort()
            return refusal.status
        return number

    with ThreadPoolExecutor(count) as threads:
        results = list(threads.map(upload, range(count)))
    winners = [result for result in results if result < count]
    assert len(winners) == 1
    assert sorted(results)[1:] == [409] * (count - 1)
    assert (directory / "d" / "a").read_bytes() == b"%d" % winners[0]
    assert not [name for name in names(directory) if name.endswith(".part")]


def test_overwriting_replaces_whole_files_only(overwriting: Store, directory: Path) -> None:
    (directory / "a").write_bytes(b"old")
    incoming = overwriting.begin(("a",), length=None)
    incoming.write([b"new"])
    assert (directory / "a").read_bytes() == b"old"
    assert incoming.commit({}).replaced
    assert (directory / "a").read_bytes() == b"new"
    (directory / "d").mkdir()
    (directory / "link").symlink_to("a")
    for name in ("d", "link"):
        with pytest.raises(Refusal) as refusal:
            overwriting.begin((name,), length=None)
        assert status_of(refusal) == 409


@pytest.mark.parametrize("is_seen_early", [True, False])
def test_a_file_system_mounted_below_is_refused(
    store: Store, directory: Path, monkeypatch: pytest.MonkeyPatch, is_seen_early: bool
) -> None:
    (directory / "mounted").mkdir()
    below = (directory / "mounted").stat().st_ino
    fstat = os.fstat

    def foreign(descriptor: int) -> object:
        facts = fstat(descriptor)
        return types.SimpleNamespace(st_dev=-1) if facts.st_ino == below else facts

    def move(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    def upload() -> None:
        incoming = store.begin(("mounted", "name"), length=4)
        assert not is_seen_early
        try:
            incoming.commit({})
        finally:
            incoming.abort()

    if is_seen_early:
        monkeypatch.setattr(os, "fstat", foreign)
    monkeypatch.setattr(_placement, "move_to_free_name", move)  # a bind mount shows only here
    with pytest.raises(Refusal, match="another file system") as refusal:
        upload()
    assert status_of(refusal) == 409
    assert names(directory / "mounted") == []


def test_a_link_put_in_the_way_meanwhile_leads_nowhere(
    overwriting: Store, directory: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    below = overwriting.begin(("d", "file"), length=None)
    (directory / "d").symlink_to(outside)
    with pytest.raises(Refusal) as refusal:
        below.commit({})
    assert status_of(refusal) == 409
    below.abort()
    itself = overwriting.begin(("a",), length=None)
    (directory / "a").symlink_to(outside / "file")
    with pytest.raises(Refusal) as refusal:
        itself.commit({})
    assert status_of(refusal) == 409
    itself.abort()
    assert (outside / "file").read_bytes() == b"precious"
    assert os.listdir(outside) == ["file"]


@pytest.mark.parametrize("is_remade", [False, True])
@pytest.mark.parametrize("is_renamed", [False, True])
def test_a_directory_that_is_gone_is_made_anew(
    store: Store, directory: Path, is_renamed: bool, is_remade: bool
) -> None:
    incoming = store.begin(("a",), length=None)
    incoming.write([b"half"])
    if is_renamed:
        directory.rename(directory.with_name("moved"))
    else:
        shutil.rmtree(directory)
    if is_remade:
        directory.mkdir()
    incoming.write([b" and half"])
    assert incoming.commit({}).path.read_bytes() == b"half and half"
    store.begin(("b",), length=0).commit({})
    assert sorted(path.name for path in directory.glob("[!.]*")) == ["a", "b"]


@pytest.mark.parametrize("is_whole", [False, True])
def test_the_hidden_directory_removed_meanwhile_is_made_anew(
    store: Store, directory: Path, is_whole: bool
) -> None:
    incoming = store.begin(("a",), length=None)
    incoming.write([b"half"])
    for hidden in directory.glob(".filebody-incoming-*"):
        if is_whole:
            shutil.rmtree(hidden)
        else:
            (hidden / "lock").unlink()
    incoming.write([b" and half"])
    other = store.begin(("b",), length=None)
    assert incoming.commit({}).path.read_bytes() == b"half and half"
    assert other.commit({}).size_bytes == 0
    assert len(list(directory.glob(".filebody-incoming-*"))) == 1


def test_a_link_in_the_place_of_the_directory_leads_nowhere(
    store: Store, directory: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    incoming = store.begin(("a",), length=None)
    moved = directory.rename(directory.with_name("moved"))
    directory.symlink_to(outside)
    for call in (lambda: incoming.commit({}), lambda: store.begin(("b",), length=None)):
        with pytest.raises(Refusal, match="503"):
            call()
    incoming.abort()
    assert list(outside.iterdir()) == []
    directory.unlink()
    moved.rename(directory)


def test_more_than_the_disk_has_is_refused_early(store: Store, directory: Path) -> None:
    disk = os.statvfs(directory)
    with pytest.raises(Refusal, match="bytes are free") as refusal:
        store.begin(("a",), length=disk.f_bavail * disk.f_frsize + (64 << 20))
    assert status_of(refusal) == 507
    with pytest.raises(Refusal, match="on a disk of") as refusal:
        store.begin(("a",), length=1 << 60)
    assert status_of(refusal) == 413
    assert names(directory) == [path.name for path in directory.iterdir()]


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.ENOSPC, 507),
        (errno.EDQUOT, 507),
        (errno.EACCES, 403),
        (errno.EPERM, 403),
        (errno.EROFS, 403),
        (errno.ENAMETOOLONG, 400),
        (errno.EINVAL, 400),
        (errno.EILSEQ, 400),
        (errno.EISDIR, 409),
        (errno.ELOOP, 409),
        (errno.EXDEV, 409),
        (errno.EFBIG, 413),
        (errno.EMFILE, 503),
        (errno.ENFILE, 503),
        (errno.EIO, 500),
    ],
)
@pytest.mark.parametrize("where", ["open", "write", "fsync"])
def test_what_the_disk_says_is_what_the_client_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int, status: int, where: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    incoming = store.begin(("a",), length=None)

    def fails() -> None:
        if where == "open":
            store.begin(("a",), length=None)
        incoming.write([b"body"])
        incoming.commit({})

    with monkeypatch.context() as patch:
        patch.setattr(os, where, fail)
        with pytest.raises(Refusal) as refusal:
            fails()
    assert status_of(refusal) == status
    assert refusal.value.__cause__ is not None
    incoming.abort()
    after = store.begin(("a",), length=None)
    after.commit({})


def test_refused_directories(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match="is not a directory"):
        Store(file).open()
    with pytest.raises(UsageError, match="is not a directory"):
        Store(file / "below").open()
    with pytest.raises(UsageError, match="cannot store files in /proc/self"):
        Store(type(file)("/proc/self")).open()


def test_no_descriptor_is_left(directory: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    store = Store(directory)
    store.open()
    store.begin(("a", "b"), length=None).commit({})
    with pytest.raises(Refusal):
        store.begin(("a", "b"), length=None)
    with pytest.raises(Refusal):
        store.begin(("a", "b", "c"), length=None)
    store.begin(("c",), length=None).abort()
    store.close()
    assert len(os.listdir("/proc/self/fd")) == before

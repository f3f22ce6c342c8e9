from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from filebody.receiver._writing import open_regular, replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("is_synced", [False, True])
def test_a_short_write_leaves_the_old_content(
    tmp_path: Path, directory: int, monkeypatch: pytest.MonkeyPatch, is_synced: bool
) -> None:
    replace(directory, "name", b"good", temporary="new", is_synced=is_synced)
    write, calls = os.write, []

    def short(descriptor: int, content: bytes) -> int:
        calls.append(len(content))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, memoryview(content)[:3])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        with pytest.raises(OSError, match="No space"):
            replace(directory, "name", b"better", temporary="new", is_synced=is_synced)
    assert (tmp_path / "name").read_bytes() == b"good"
    assert os.listdir(tmp_path) == ["name"]
    replace(directory, "name", b"better", temporary="new", is_synced=is_synced)
    assert (tmp_path / "name").read_bytes() == b"better"


def test_whatever_has_the_temporary_name_is_replaced(tmp_path: Path, directory: int) -> None:
    os.mkfifo(tmp_path / "new")
    replace(directory, "name", b"good", temporary="new", is_synced=False)
    (tmp_path / "new").symlink_to("name")
    replace(directory, "name", b"better", temporary="new", is_synced=False)
    assert (tmp_path / "name").read_bytes() == b"better"
    assert os.listdir(tmp_path) == ["name"]


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
@pytest.mark.parametrize("kind", ["fifo", "link", "directory", "nothing"])
def test_no_other_kind_of_file_is_opened_or_waited_for(
    tmp_path: Path, directory: int, kind: str, flags: int
) -> None:
    name = tmp_path / "name"
    if kind == "fifo":
        os.mkfifo(name)
    elif kind == "link":
        (tmp_path / "other").touch()
        name.symlink_to("other")
    elif kind == "directory":
        name.mkdir()
    with pytest.raises(FileNotFoundError):
        open_regular(directory, "name", flags)

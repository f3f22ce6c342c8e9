from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING

import pytest

from filebody.receiver import _rename
from filebody.receiver._rename import move_to_free_name
from tests.receiver.resuming import TUS, message, tus_append, tus_create
from tests.receiver.wire import Wire, put

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receiver.process import ReceiverProcess

_IN_MOVED_TO, _IN_ALL_EVENTS = 0x80, 0xFFF


class Watch:
    """Events about the files of a directory (inotify(7)); directories are left out."""

    def __init__(self, directory: Path) -> None:
        libc = ctypes.CDLL(None)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        watched = libc.inotify_add_watch(self._descriptor, os.fsencode(directory), _IN_ALL_EVENTS)
        assert watched >= 0

    def events(self) -> list[tuple[str, int]]:
        data, found = os.read(self._descriptor, 65536), []
        os.close(self._descriptor)
        while data:
            _, mask, _, length = struct.unpack("iIII", data[:16])
            if not mask & 0x40000000:
                found.append((data[16 : 16 + length].rstrip(b"\0").decode(), mask))
            data = data[16 + length :]
        return found


@pytest.mark.parametrize("has_flag", [True, False])
def test_a_taken_name_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_flag: bool
) -> None:
    if not has_flag:
        monkeypatch.setattr(_rename, "_renameat2", None)
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(FileExistsError):
            move_to_free_name("one", "two", src_dir_fd=directory, dst_dir_fd=directory)
        move_to_free_name("one", "three", src_dir_fd=directory, dst_dir_fd=directory)
        with pytest.raises(FileNotFoundError):
            move_to_free_name("one", "four", src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        os.close(directory)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "two": "2",
        "three": "1",
    }


def test_a_watcher_sees_each_file_appear_once_and_whole(receiver: ReceiverProcess) -> None:
    watch = Watch(receiver.directory)
    parts = []
    for piece in (b"one", b"two"):
        parts.append(tus_create(receiver, len(piece), "/", "Upload-Concat: partial"))
        assert tus_append(receiver, parts[-1], 0, piece).status == 204
    with Wire(receiver.address) as wire:
        wire.send(put("/plain"))
        assert wire.answer().status == 201
        final = f"Upload-Concat: final;{' '.join(parts)}"
        wire.send(message("POST", "/joined", TUS, final, body=b""))
        assert wire.answer().status == 201
    assert tus_append(receiver, tus_create(receiver, 1, "/resumed"), 0, b"x").status == 204
    assert watch.events() == [(name, _IN_MOVED_TO) for name in ("plain", "joined", "resumed")]

"""A receiver whose power can be cut: afterwards there is what was synced, and nothing else.

That is the worst that POSIX allows a disk to do. Whatever the process gives to fsync or fdatasync
is noted in a directory beside its own: of a file its bytes, of a directory its names. Files that
were synced are held by a link, so that they keep their inodes.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from tests.receiver import process
from tests.receiver.process import ReceiverProcess

_SHADOW = "SHADOW_DIRECTORY"


class PoweredReceiver(ReceiverProcess):
    """See `ReceiverProcess`; the next one on the same home finds what a disk would have."""

    module = "tests.receiver.power"

    def __init__(self, home: Path, **settings: Any) -> None:
        super().__init__(home, **settings)
        self._shadow = home / "shadow"
        for name in ("bytes", "links", "names"):
            (self._shadow / name).mkdir(parents=True, exist_ok=True)
        os.environ[_SHADOW] = str(self._shadow)

    def cut_power(self) -> None:
        """Kill it, and take from the disk what was not synced."""
        self.kill()
        old = self.directory.with_name("before the cut")
        inode = self.directory.stat().st_ino
        self.directory.rename(old)
        self._restore(self.directory, inode)
        shutil.rmtree(old)

    def _restore(self, directory: Path, inode: int) -> int:
        """Make a directory as it was synced, if it is the one; returns its new inode."""
        directory.mkdir(mode=0o700)
        noted = self._shadow / "names" / _key(directory)
        names: dict[str, list[Any]] = {}
        if noted.exists():
            was, names = json.loads(noted.read_text())
            names = names if was == inode else {}
        for name, entry in names.items():
            is_directory, below = entry
            if is_directory:
                entry[1] = self._restore(directory / name, below)
                continue
            link, synced = (self._shadow / kind / str(below) for kind in ("links", "bytes"))
            if link.exists():
                link.write_bytes(synced.read_bytes())
                os.link(link, directory / name)
            else:  # its name was synced and its bytes never were
                (directory / name).touch()
        _put(noted, json.dumps([directory.stat().st_ino, names]).encode())
        return directory.stat().st_ino


def _key(directory: Path) -> str:
    """Directories are known by their paths: their inodes are others after a cut."""
    return str(directory).replace("/", "!")


def _put(path: Path, content: bytes) -> None:
    """Replace a file as a whole, as the kill may come at any moment."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.rename(path)


def _note(descriptor: Any) -> None:
    shadow = Path(os.environ[_SHADOW])
    information = os.fstat(descriptor)
    inode = str(information.st_ino)
    if stat.S_ISDIR(information.st_mode):
        with os.scandir(descriptor) as entries:
            names = {
                entry.name: (entry.is_dir(follow_symlinks=False), entry.inode())
                for entry in entries
            }
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        noted = json.dumps([information.st_ino, names]).encode()
        _put(shadow / "names" / _key(path), noted)
        return
    link = shadow / "links" / inode
    if not link.exists():
        # Only with a directory's descriptor does Python use linkat(2), which follows this link.
        os.link(f"/proc/self/fd/{descriptor}", link, src_dir_fd=descriptor, follow_symlinks=True)
    content = Path(f"/proc/self/fd/{descriptor}").read_bytes()
    _put(shadow / "bytes" / inode, content)


def main() -> None:
    for name in ("fsync", "fdatasync"):
        setattr(os, name, _note)
    process.main()


if __name__ == "__main__":
    main()

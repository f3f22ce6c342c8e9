"""A file system whose reads are slow: what a cold disk or a far server looks like from above.

Looking files up and opening them is fast; each read takes as long as was asked for, and reads run
beside each other, of one file too. With direct I/O, the default, every read system call comes here
and so every one is slow. Without it the kernel's page cache and read-ahead answer some of them.

    with SlowFileSystem(directory, {"a": SlowFile(size=1 << 20)}) as slow:
        (slow.path / "a").read_bytes()
"""

import errno
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from ctypes.util import find_library
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs

from tests.peers import content
from tests.peers.child import Child, call_when_parent_is_gone, say_ready
from tests.programs import require, require_module, require_program

DELAY_SECONDS = 0.2

# More than the pool of any test has threads, so that no read waits for another one's delay.
_DAEMON_THREADS = 64


@attrs.frozen
class SlowFile:
    """A file made of `content.generated(seed, ...)`."""

    size: int
    seed: int = 1
    delay_seconds: float = DELAY_SECONDS


class SlowFileSystem:
    """Mounted inside `directory` while in use; see the module."""

    def __init__(
        self,
        directory: Path,
        files: Mapping[str, SlowFile],
        *,
        real_files: Path | None = None,
        real_delay_seconds: float = DELAY_SECONDS,
        direct_io: bool = True,
    ) -> None:
        """Take what shall be in it.

        Args:
            directory: an existing one, for the mount point and the log.
            files: generated files by name.
            real_files: a directory whose regular files are shown as well.
            real_delay_seconds: how long reads of those take.
            direct_io: whether reads bypass the page cache.
        """
        self._fusermount = require_slow_file_systems()
        self.path = directory / "slow"
        self.path.mkdir()
        config = {
            "mount_point": str(self.path),
            "fusermount": self._fusermount,
            "files": {name: attrs.asdict(file) for name, file in files.items()},
            "real_files": None if real_files is None else str(real_files),
            "real_delay_seconds": real_delay_seconds,
            "direct_io": direct_io,
        }
        self._child = Child("tests.peers.slowfs", config, directory / "slowfs.log")

    def __enter__(self) -> Self:
        self._child.__enter__()
        self.pid = self._child.pid
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._child.stop()
        # The daemon has unmounted; this is for one that crashed.
        if self.path.is_mount():
            _unmount(self._fusermount, self.path)


def require_slow_file_systems() -> str:
    """Return the path of fusermount3, or skip the test (in CI: fail it)."""
    fusermount = require_program("fusermount3")
    require(find_library("fuse3"), "libfuse3 is not installed: it comes with fuse3")
    require_module("mfusepy", "mfusepy")
    require(os.access("/dev/fuse", os.R_OK | os.W_OK), "/dev/fuse is not here or not ours")
    return fusermount


def _unmount(fusermount: str, mount_point: Path) -> None:
    """Detach the mount at once, also while files of it are open."""
    subprocess.run([fusermount, "-u", "-z", "-q", str(mount_point)], check=False)


# From here on: what runs in the daemon.


class _Operations:
    """What the kernel asks, as mfusepy passes it on; called in many threads at once."""

    use_ns = True

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._files = {name: SlowFile(**fields) for name, fields in config["files"].items()}
        self._real = None if config["real_files"] is None else Path(config["real_files"])
        self._real_delay_seconds: float = config["real_delay_seconds"]
        self._direct_io: bool = config["direct_io"]
        self._mounted_ns = time.time_ns()

    def init(self, path: str) -> None:
        say_ready()

    def getattr(self, path: str, opened: object = None) -> dict[str, int]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        found = self._find(path)
        if isinstance(found, SlowFile):
            size, changed_ns = found.size, self._mounted_ns
        else:
            size, changed_ns = found.stat().st_size, found.stat().st_mtime_ns
        return {
            "st_mode": stat.S_IFREG | 0o444,
            "st_nlink": 1,
            "st_size": size,
            "st_mtime": changed_ns,
            "st_ctime": changed_ns,
        }

    def readdir(self, path: str, opened: object) -> Iterable[str]:
        real = [] if self._real is None else [p.name for p in self._real.iterdir() if p.is_file()]
        return [".", "..", *self._files, *real]

    def open(self, path: str, opened: Any) -> int:
        self._find(path)
        opened.direct_io = int(self._direct_io)
        return 0

    def read(self, path: str, size: int, offset: int, opened: object) -> bytes:
        found = self._find(path)
        if isinstance(found, SlowFile):
            # `sleep` without the interpreter's lock: the others' reads go on.
            time.sleep(found.delay_seconds)
            return content.generated(found.seed, offset, max(0, min(size, found.size - offset)))
        time.sleep(self._real_delay_seconds)
        with found.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def _find(self, path: str) -> SlowFile | Path:
        name = path.removeprefix("/")
        if name in self._files:
            return self._files[name]
        if self._real is not None and "/" not in name and (self._real / name).is_file():
            return self._real / name
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def main() -> None:
    # Before the import, which loads the library and would take an older one first.
    os.environ["FUSE_LIBRARY_NAME"] = "fuse3"
    import mfusepy

    config = json.loads(sys.argv[1])

    def unmount_and_end() -> None:
        # The process ends when the file system is gone; should it hang, it ends all the same, and
        # the kernel fails the reads that are under way.
        _unmount(config["fusermount"], Path(config["mount_point"]))
        threading.Event().wait(2)
        os._exit(0)

    call_when_parent_is_gone(unmount_and_end)

    class Operations(_Operations, mfusepy.Operations):  # type: ignore[misc]
        pass

    mfusepy.FUSE(
        Operations(config),
        config["mount_point"],
        foreground=True,
        raw_fi=True,
        ro=True,
        fsname="slowfs",
        max_idle_threads=_DAEMON_THREADS,
        # Before libfuse 3.12 there was neither this limit nor the option.
        **({"max_threads": _DAEMON_THREADS} if mfusepy.fuse_version_minor >= 12 else {}),
    )


if __name__ == "__main__":
    main()

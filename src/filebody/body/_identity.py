"""What a file was when it was described, so that a change under way is noticed."""

from __future__ import annotations

import functools
import os
import stat

import attrs

from filebody.errors import BodyChanged

__all__ = ["FileIdentity", "has_true_size"]

_WORDS = {
    "size": "its size",
    "mtime_ns": "its modification time",
    "ctime_ns": "its status change time",
    "inode": "another file has its place",
    "device": "another file system has its place",
}

# File systems whose files are made up while they are read: their sizes say nothing.
_PSEUDO_FILE_SYSTEMS = frozenset(
    {
        *("binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "efivarfs", "fusectl"),
        *("mqueue", "nfsd", "nsfs", "proc", "pstore", "resctrl", "rpc_pipefs", "securityfs"),
        *("selinuxfs", "smackfs", "sysfs", "tracefs"),
    }
)


@attrs.frozen
class FileIdentity:
    """The facts that differ when a regular file was written to, replaced or touched.

    Attributes:
        size: In bytes.
        mtime_ns: Time of the last modification, in nanoseconds.
        ctime_ns: Time of the last status change, in nanoseconds.
        inode: The file's serial number.
        device: The device on which it lies.

    Source: POSIX.1-2017, sys/stat.h. Times have the file system's granularity (a few milliseconds
    on Linux): two writes within it cannot be told apart when the size stays.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        """The identity in what `os.stat` answered."""
        return cls(
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            status.st_dev,
        )

    def check(self, status: os.stat_result, source: str, offset: int) -> bool:
        """Compare with what the file is now.

        Returns:
            True if all facts are the same, False if only the status change time differs.

        Raises:
            BodyChanged: Others differ; `source` and `offset` go into the message.
        """
        is_same = (
            status.st_mtime_ns == self.mtime_ns
            and status.st_size == self.size
            and status.st_ino == self.inode
            and status.st_dev == self.device
        )
        if is_same:
            return status.st_ctime_ns == self.ctime_ns
        now = FileIdentity.of(status)
        facts = [_WORDS[name] for name in _WORDS if getattr(now, name) != getattr(self, name)]
        if now.size != self.size:
            facts[facts.index("its size")] = f"its size went from {self.size} to {now.size} bytes"
        raise BodyChanged(source, offset, ", ".join(facts))


def has_true_size(status: os.stat_result) -> bool:
    """Whether `st_size` is what a reader will get: for regular files on real file systems only.

    Files of /proc say that they are regular and empty, those of /sys that they have 4096 bytes.
    Both lie on devices without a number of their own and own no blocks, which real files of some
    size rarely do, so that the file system's type has to be looked up for those few only.
    """
    if not stat.S_ISREG(status.st_mode):
        return False
    if os.major(status.st_dev) != 0 or getattr(status, "st_blocks", 1) != 0:
        return True
    return _file_system_type(status.st_dev) not in _PSEUDO_FILE_SYSTEMS


@functools.lru_cache(maxsize=64)
def _file_system_type(device: int) -> str | None:
    """The type of the file system that is mounted from `device`, where Linux tells it."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            for line in mounts:
                before, _, after = line.partition(" - ")
                if before.split()[2] == wanted:
                    return after.split()[0]
    except OSError:
        pass  # not Linux: no pseudo file systems of this kind
    return None

"""Joins parts, and is killed at it: at every moment at which the disk is different.

    python -m tests.receiver.killed_join DIRECTORY {once,twice} {again,restart}

For n = 1, 2, ... a child process joins three parts and is killed with SIGKILL right before the nth
call that changes something on the disk; with `twice`, so is a second one that goes on with it. Then
the same is asked for `again`, or a receiver that starts finds by itself what there is to go on
with, and what is there is printed: a line of JSON each. It ends with the n at which the first child
came through.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from filebody.receiver import _gathering
from filebody.receiver._joining import finished, join
from filebody.receiver._names import made_up_segment
from filebody.receiver._part import Part
from filebody.receiver._record import Kind, Record
from filebody.receiver._shelf import Shelf
from filebody.receiver._stock import unfinished
from filebody.receiver._store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The second has more than is there twice at a time, the third nothing.
PIECES = (b"first", bytes(range(256)) * 1200, b"", b"and the last one")
_CHANGES = frozenset(
    {"open", "write", "pwrite", "rename", "unlink", "link", "mkdir", "ftruncate", "madvise"}
)
_PART = Record(kind=Kind.TUS, concat="partial")


def make(shelf: Shelf) -> tuple[str, ...]:
    parts = []
    for piece in PIECES:
        state = shelf.create(attrs.evolve(_PART, length=len(piece)))
        part = Part(shelf, state, stop=len(piece), max_size=None)
        part.write([piece])
        part.settle({})
        parts.append(state.upload_id)
    return tuple(parts)


@contextlib.contextmanager
def opened(directory: Path) -> Iterator[Shelf]:
    """As a receiver that has just been started."""
    store = Store(directory)
    store.open()
    quota = sum(map(len, PIECES)) + 8192  # a little for records
    shelf = Shelf(
        store.root, store.placement, quota=quota, expire_after_seconds=1000, is_synced=False
    )
    shelf.open()
    yield shelf
    shelf.close()
    store.close()


def ask(shelf: Shelf, parts: tuple[str, ...]) -> str:
    """Join, under a name that is new each time, as where the receiver has to make one up."""
    concat = "final;" + " ".join(f"/.uploads/{part}" for part in parts)
    name = (made_up_segment(),)
    record = Record(kind=Kind.TUS, name=name, concat=concat)
    return join(shelf, record, parts, max_size=None).upload_id


def go_on(shelf: Shelf, _: tuple[str, ...]) -> str:
    """What the sweeper does."""
    states = [finished(shelf, state.upload_id) for state in unfinished(shelf, [])]
    return "".join(state.upload_id for state in states)


def killed(before: int, directory: Path, call: Callable[[Shelf, Any], object], parts: Any) -> bool:
    """Whether a process was killed before it came through."""
    child = os.fork()
    if child == 0:
        try:
            with opened(directory) as shelf:
                sys.setprofile(_Killer(before))
                call(shelf, parts)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


class _Killer:
    def __init__(self, before: int) -> None:
        self._left = before

    def __call__(self, frame: object, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in _CHANGES:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def stored(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("."))


def play(directory: Path, before: int, *, twice: bool, restart: bool) -> dict[str, Any]:
    with opened(directory) as shelf:
        parts = make(shelf)
    facts: dict[str, Any] = {"killed": killed(before, directory, ask, parts), "offsets": []}

    def look() -> None:
        with opened(directory) as shelf:
            facts["offsets"].append([shelf.state(part).offset for part in parts])

    look()
    if twice:
        killed(random.randrange(1, before + 1), directory, go_on if restart else ask, parts)
        look()
    with opened(directory) as shelf:
        if restart:
            go_on(shelf, parts)
        answers = [ask(shelf, parts) for _ in range(2)]
        facts["is_one"] = len(set(answers)) == 1
        ending = shelf.state(answers[0]).record.ending
        facts["digest"] = ending.sha256 if ending else ""
        facts["reserved"] = shelf._quota.uploads
    look()
    contents = [(directory / name).read_bytes() for name in stored(directory)]
    facts["is_right"] = contents == [b"".join(PIECES)]
    facts["left"] = sorted(path.suffix for path in directory.glob(".filebody-uploads/*.[!j]*"))
    return facts


def main() -> None:
    where, times, way = sys.argv[1:]
    _gathering._COPY_BYTES = 1 << 15  # type: ignore[misc]
    _gathering._TWICE_BYTES = 1 << 17  # type: ignore[misc]
    os.fsync = lambda _: None  # type: ignore[assignment] # a SIGKILL takes nothing from the kernel
    before = 0
    is_killed = True
    while is_killed:
        before += 1
        random.seed(before)
        directory = Path(where, str(before))
        facts = play(directory, before, twice=times == "twice", restart=way == "restart")
        is_killed = facts["killed"]
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

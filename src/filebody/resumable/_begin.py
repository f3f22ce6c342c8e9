"""What there is to go on with: the checkpoint, and whether the file is still the one."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable

import attrs

from filebody.errors import BodyReadError
from filebody.resumable._checkpoint import Checkpoint, Part, upload_id
from filebody.resumable._checkpoint_store import Checkpoints
from filebody.resumable._identity import Likeness, SourceIdentity, hash_range
from filebody.resumable._lock import FileLock
from filebody.wire import parse_target

__all__ = ["Found", "Looking", "Stream", "begin_stream", "look"]

# So much is hashed before it is asked again whether anybody waits for it.
_HASH_BYTES = 1 << 26


@attrs.frozen(kw_only=True)
class Found:
    """What a look at the disk has found.

    Attributes:
        lock: Held if `is_locked`.
        is_locked: Whether no other process is at it.
        checkpoint: To go on with, or a new one.
        is_resumed: Which of both.
        why_anew: Why what was begun before is not gone on with, in words; "" if there was nothing.
        outdated: The checkpoint that is not gone on with, or None.
        is_touched: Whether its status change time is another, and its samples are the same.
        hashed: For each part, the digest of its beginning, and of how many bytes.
    """

    lock: FileLock
    is_locked: bool
    checkpoint: Checkpoint
    is_resumed: bool = False
    why_anew: str = ""
    outdated: Checkpoint | None = None
    is_touched: bool = False
    hashed: dict[int, tuple[hashlib._Hash, int]] = attrs.field(factory=dict)


@attrs.frozen
class Stream:
    """A stream that is begun: another process can only cancel it.

    Attributes:
        lock: Held; says that it is being sent.
        checkpoint: A new one.
        outdated: What killed processes have left of streams to the same server.
    """

    lock: FileLock
    checkpoint: Checkpoint
    outdated: tuple[Checkpoint, ...]


def begin_stream(store: Checkpoints, source: str, url: str, method: str) -> Stream:
    """Make a checkpoint for a stream; blocks: for a worker thread.

    Raises:
        OSError: The lock cannot be made.
    """
    word, now = secrets.token_hex(8), time.time()
    checkpoint = Checkpoint(
        id=upload_id(source, url, word),
        source=source,
        stream=word,
        url=url,
        method=method,
        identity=SourceIdentity(size=0, mtime_ns=0, ctime_ns=0, inode=0, device=0, samples=""),
        parts=(Part(start=0, stop=0),),
        created_at=now,
        updated_at=now,
    )
    origin = parse_target(url).origin
    outdated = tuple(
        one
        for one in store.all()
        if one.is_stream and parse_target(one.url).origin == origin and not store.is_held(one.id)
    )
    lock = store.lock(checkpoint.id)
    if not lock.acquire():
        raise OSError(errno.EBUSY, "another process has this lock", source)
    return Stream(lock, checkpoint, outdated)


class Looking:
    """A look in a thread that nobody may wait for any more when it is done.

    Args:
        store: See `look`, and so for the others.
        path: The file.
        url: Where it goes.
        method: Of the request that creates it.
        verify: Whether a digest is needed.
    """

    def __init__(self, store: Checkpoints, path: str, url: str, method: str, verify: bool) -> None:
        self._given = (store, path, url, method, verify)
        self._turn = threading.Lock()
        self._is_abandoned = False
        self._found: Found | None = None

    def look(self) -> Found:
        """See `look`; for a worker thread."""
        found = look(*self._given, is_abandoned=lambda: self._is_abandoned)
        with self._turn:
            self._found = found
            if self._is_abandoned:
                found.lock.release()
        return found

    def abandon(self) -> None:
        """Nobody waits: let go of the lock, now or when it is got."""
        with self._turn:
            self._is_abandoned = True
            if self._found is not None:
                self._found.lock.release()


def look(
    store: Checkpoints,
    path: str,
    url: str,
    method: str,
    verify: bool,
    *,
    is_abandoned: Callable[[], bool],
) -> Found:
    """Take the lock and see what is there; blocks: for a worker thread.

    Args:
        store: Where checkpoints are.
        path: The file.
        url: Where it goes, without credentials.
        method: Of the request that creates it.
        verify: Whether the digest of what was sent has to be there, and to be right.
        is_abandoned: Whether nobody waits for it any more; asked now and then.

    Raises:
        InterruptedError: It was abandoned; the lock is free.
        BodyReadError: The file cannot be read.
        OSError: The lock cannot be made.
    """
    source = os.path.realpath(path)
    name = upload_id(source, url)
    lock = store.lock(name)
    now = time.time()
    try:
        identity = SourceIdentity.of(source)
    except OSError as error:
        raise BodyReadError(path, 0, error) from error
    fresh = Checkpoint(
        id=name,
        source=source,
        url=url,
        method=method,
        identity=identity,
        parts=(Part(start=0, stop=identity.size),),
        created_at=now,
        updated_at=now,
    )
    if not lock.acquire():
        return Found(lock=lock, is_locked=False, checkpoint=fresh)
    try:
        if store.is_damaged(name):
            why = "what was kept of an earlier upload cannot be read"
            return Found(lock=lock, is_locked=True, checkpoint=fresh, why_anew=why)
        return _compare(lock, fresh, store.load(name), verify, is_abandoned)
    except BaseException:
        lock.release()
        raise


def _compare(
    lock: FileLock,
    fresh: Checkpoint,
    old: Checkpoint | None,
    verify: bool,
    is_abandoned: Callable[[], bool],
) -> Found:
    if old is None or all(part.held is None for part in old.parts):
        return Found(lock=lock, is_locked=True, checkpoint=fresh)
    likeness, why = old.identity.compare(fresh.identity)
    anew = Found(lock=lock, is_locked=True, checkpoint=fresh, outdated=old)
    if likeness is Likeness.OTHER:
        return attrs.evolve(anew, why_anew=f"{fresh.source} has changed ({why})")
    hashed: dict[int, tuple[hashlib._Hash, int]] = {}
    is_touched = old.identity.ctime_ns != fresh.identity.ctime_ns
    has_digests = all(part.prefix is not None for part in old.parts if part.held is not None)
    if verify or likeness is Likeness.IN_DOUBT or (is_touched and has_digests):
        for number, part in enumerate(old.parts):
            digest, problem = _hash_prefix(fresh.source, part, is_abandoned)
            if digest is None:
                doubt = f"{why}, and " if why else ""
                return attrs.evolve(anew, why_anew=f"{doubt}{problem}")
            hashed[number] = (digest, 0 if part.prefix is None else part.prefix.bytes)
    # If it is the same file by another number, that is what it is compared with next time.
    checkpoint = attrs.evolve(old, identity=fresh.identity)
    return Found(
        lock=lock,
        is_locked=True,
        checkpoint=checkpoint,
        is_resumed=True,
        is_touched=is_touched,
        hashed=hashed,
    )


def _hash_prefix(
    source: str, part: Part, is_abandoned: Callable[[], bool]
) -> tuple[hashlib._Hash | None, str]:
    """The digest of what was sent of a part, if it is still what it was; or why not."""
    digest = hashlib.sha256()
    if part.held is None:
        return digest, ""
    if part.prefix is None or part.prefix.bytes < part.held.sent:
        if part.held.sent == 0:
            return digest, ""
        return None, "no digest was kept of what was sent of it"
    try:
        stop = part.start + part.prefix.bytes
        for start in range(part.start, stop, _HASH_BYTES):
            if is_abandoned():
                raise InterruptedError(source)
            hash_range(source, digest, start, min(start + _HASH_BYTES, stop))
    except InterruptedError:
        raise
    except (OSError, EOFError) as error:
        return None, f"what was sent of it cannot be read again ({error})"
    if digest.hexdigest() != part.prefix.sha256:
        return None, "its beginning is not what was sent of it"
    return digest, ""

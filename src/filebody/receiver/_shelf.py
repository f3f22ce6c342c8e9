"""Where uploads are that can be gone on with: a hidden directory of parts and their records.

It outlives the receiver. For each upload there are `ID.part`, whose length is the offset, and
`ID.json`, a `Record` that is replaced as a whole. The identifier is what makes an upload's URL: who
knows it may go on with the upload, so it is long and random, and nobody else may look in here.

Synchronous, for worker threads. Who calls for one upload holds it (`Holds`).
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
from typing import TYPE_CHECKING, Final

import attrs

from filebody.receiver._ages import Ages
from filebody.receiver._os_errors import translated
from filebody.receiver._prefix import Prefix
from filebody.receiver._quota import Quota
from filebody.receiver._record import UPLOAD_ID, Kind, Record, dumped, loaded
from filebody.receiver._refusal import Refusal
from filebody.receiver._upload_files import UploadFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filebody.receiver._placement import Placement
    from filebody.receiver._root import Root

__all__ = ["ID_BYTES", "Shelf", "State", "is_whole", "upload_of"]

ID_BYTES: Final = 24
_RECORD: Final = re.compile(r"([A-Za-z0-9_-]{32})\.json")
# How long it can be asked what became of an upload that has ended well.
_REMEMBERED_SECONDS: Final = 24 * 60 * 60.0
# A client that sends without knowing the length, as from a pipe, comes back soon or never.
_UNKNOWN_LENGTH_SECONDS: Final = 24 * 60 * 60.0
# So many do not come by honest clients; each costs a block or two of the disk.
_MAX_UPLOADS: Final = 10_000
_MAX_RECORDS: Final = 50_000


@attrs.frozen(kw_only=True)
class State:
    """An upload as it stands.

    Attributes:
        upload_id: Its identifier.
        record: What is known of it.
        offset: How many bytes of it are kept.
        expires: When it goes, in seconds since the epoch.
        left_seconds: How long until then.
        age_seconds: How long ago it was written to.
        is_new: Whether its file has got its name just now.
    """

    upload_id: str
    record: Record
    offset: int
    expires: float
    left_seconds: float
    age_seconds: float
    is_new: bool = False


class Shelf:
    """The uploads of one receiver's directory.

    Args:
        root: That directory.
        placement: Where finished files get their names.
        quota: How many bytes records, and unfinished uploads, may have or announce together; None
            for any.
        expire_after_seconds: How long after its last byte an upload is kept; what became of it is
            remembered for a day at most.
        is_synced: Whether what is told to a client survives a power cut.
        ages: The ages of uploads.

    Attributes:
        is_closing: Whether long work is to be given up; it is gone on with after the next start.
        make_room: Called with a number of bytes where so many do not fit; they may fit then.
    """

    def __init__(
        self,
        root: Root,
        placement: Placement,
        *,
        quota: int | None,
        expire_after_seconds: float,
        is_synced: bool,
        ages: Ages | None = None,
    ) -> None:
        self.placement = placement
        self.is_synced = is_synced
        self.files = UploadFiles(root, is_synced=is_synced)
        self._quota = Quota(quota)
        self._expire_after_seconds = expire_after_seconds
        self.is_closing = False
        self._ages = ages or Ages()
        self.make_room: Callable[[int], object] = lambda _: None
        self._lock = threading.Lock()
        self._prefixes: dict[str, Prefix] = {}

    def open(self) -> list[str]:
        """Take stock of what an earlier receiver has left; returns records that make no sense."""
        left_aside = []
        for name in self.files.names():
            if upload_id := upload_of(name):
                try:
                    self._count(self.state(upload_id))
                except Refusal as refusal:
                    if refusal.status != 410:
                        left_aside.append(name)
        return left_aside

    def close(self) -> None:
        """Remove the directory if there is nothing in it."""
        self.files.close()

    def check_open(self) -> None:
        """Let long work go on.

        Raises:
            Refusal: 503 where the receiver is about to stop.
        """
        if self.is_closing:
            raise Refusal(503, "the receiver is stopping; go on later", [("Retry-After", "5")])

    def has_room(self, size_bytes: int) -> bool:
        """Say whether so many bytes fit into the quota and on the disk."""
        return self._quota.has_room(size_bytes) and self.placement.has_room(size_bytes)

    def create(self, record: Record) -> State:
        """Make an empty upload.

        Raises:
            Refusal: 413 where it can never fit into the quota, 507 where it does not fit now, 409
                or 412 where its name is taken, 503 where there are too many.
        """
        upload_id = secrets.token_urlsafe(ID_BYTES)
        if not self.has_room((record.length or 0) + len(dumped(upload_id, record))):
            self.make_room((record.length or 0) + len(dumped(upload_id, record)))
        with self._creating(upload_id, record):
            self.placement.check_room(record.length)
            self.reserve(upload_id, record.length or 0)
            self.files.make(f"{upload_id}.part")
        return self.state(upload_id)

    def create_of_parts(self, upload_id: str, record: Record) -> State:
        """Make an upload whose bytes are there, in parts; until it has them they count as theirs.

        Raises:
            Refusal: As `create`, apart from 507.
        """
        with self._creating(upload_id, record):
            self.reserve(upload_id, 0)
        return self.state(upload_id)

    @contextlib.contextmanager
    def _creating(self, upload_id: str, record: Record) -> Iterator[None]:
        if self._quota.records >= _MAX_RECORDS:
            self.make_room(0)
        if self._quota.uploads >= _MAX_UPLOADS or self._quota.records >= _MAX_RECORDS:
            raise Refusal(503, "too many uploads are unfinished here", [("Retry-After", "3600")])
        with translated(record.name):
            if record.name:
                self.placement.check_free(record.name, record.taken_status)
            try:
                self._quota.reserve_record(upload_id, len(dumped(upload_id, record)))
                yield
                self.save(upload_id, record)
            except BaseException:
                self.remove(upload_id)
                raise

    def state(self, upload_id: str) -> State:
        """Look at an upload.

        Raises:
            Refusal: 404 where there is none of this identifier, 410 where its time is over, others
                as `refusal_of` says.
        """
        if not UPLOAD_ID.fullmatch(upload_id):
            raise _unknown()
        with translated(()):
            return self._state(upload_id)

    def _state(self, upload_id: str) -> State:
        name = f"{upload_id}.json"
        try:
            content, touched = self.files.read(name)
            record = loaded(upload_id, content)
        except (FileNotFoundError, ValueError) as error:
            raise _unknown() from error
        kept_seconds = self._expire_after_seconds
        if record.length is None:
            kept_seconds = min(kept_seconds, _UNKNOWN_LENGTH_SECONDS)
        part = self.files.status(f"{upload_id}.part")
        if record.is_stored or record.joined_into is not None:
            offset = record.ending.size_bytes if record.ending else record.length or 0
            if part is None:
                kept_seconds = min(kept_seconds, _REMEMBERED_SECONDS)
        elif part is not None:
            name = f"{upload_id}.part"
            offset, touched = part.st_size, part.st_mtime
            if record.unverified_from is not None:
                offset = min(offset, record.unverified_from)
        elif record.ending is not None:
            offset = record.ending.size_bytes
        elif record.made_of:
            offset = 0
        else:
            raise _unknown()
        age_seconds = self._ages.age(upload_id, touched)
        if age_seconds > kept_seconds:
            raise Refusal(410, "this upload was not gone on with for too long")
        self._correct(upload_id, name, touched, age_seconds)
        return State(
            upload_id=upload_id,
            record=record,
            offset=offset,
            expires=self._ages.now() + kept_seconds - age_seconds,
            left_seconds=kept_seconds - age_seconds,
            age_seconds=age_seconds,
        )

    def _correct(self, upload_id: str, name: str, touched: float, age_seconds: float) -> None:
        """After the clock was set, write down the age by the new clock, for a later receiver."""
        corrected = self._ages.corrected(touched, age_seconds)
        if corrected is not None:
            with contextlib.suppress(OSError):
                self.files.stamp(name, corrected)
                found = self.files.status(name)
                if found is not None:
                    self._ages.correct(upload_id, found.st_mtime)

    def save(self, upload_id: str, record: Record) -> None:
        """Replace a record as a whole, or leave the one that is there.

        Raises:
            OSError: The disk is full or failed.
        """
        temporary, content = self._name(upload_id, "new"), dumped(upload_id, record)
        self.files.replace(f"{upload_id}.json", content, temporary=temporary)
        self._quota.count_record(upload_id, len(content))

    def remove(self, upload_id: str) -> None:
        """Forget an upload, whatever there is of it."""
        self.release(upload_id)
        # The record last: where it cannot be removed, the upload can be removed another time.
        for suffix in ("new", "part", "json"):
            self.files.unlink(f"{upload_id}.{suffix}")
            self._ages.forget(f"{upload_id}.{suffix}")
        self._quota.forget(upload_id)
        self._ages.forget(upload_id)

    def remove_part(self, upload_id: str) -> None:
        """Remove the bytes alone."""
        self.files.unlink(f"{upload_id}.part")

    def open_part(self, upload_id: str, flags: int = os.O_RDWR) -> int:
        """Open the bytes of an upload.

        Raises:
            Refusal: 404 where there are none any more.
        """
        try:
            return self.files.open(self._name(upload_id, "part"), flags)
        except FileNotFoundError as error:
            raise _unknown() from error

    def prefix(self, upload_id: str) -> Prefix:
        """The digest of what there is, as far as it is known."""
        with self._lock:
            return self._prefixes.setdefault(upload_id, Prefix())

    def reserve(self, upload_id: str, size_bytes: int) -> None:
        """Count an upload with so many bytes, if it is not counted with more.

        Raises:
            Refusal: 413 where that is more than the quota, 507 where others have it.
        """
        self._quota.reserve(upload_id, size_bytes)

    def release(self, upload_id: str) -> None:
        """Count an upload no longer."""
        self._quota.release(upload_id)
        with self._lock:
            self._prefixes.pop(upload_id, None)

    def take_over(self, part_id: str, upload_id: str) -> None:
        """Let an upload begin with the bytes of a part, and what is known of their digest.

        Raises:
            FileNotFoundError: There are none.
        """
        self.files.rename(self._name(part_id, "part"), self._name(upload_id, "part"))
        self._quota.move(part_id, upload_id)
        with self._lock:
            prefix = self._prefixes.pop(part_id, None)
            if prefix is not None:
                self._prefixes[upload_id] = prefix

    def absorb(self, part_id: str, upload_id: str) -> None:
        """Remove the bytes of a part that an upload has now."""
        self.remove_part(part_id)
        self._quota.move(part_id, upload_id)
        with self._lock:
            self._prefixes.pop(part_id, None)

    def is_old(self, name: str) -> bool:
        """Whether a file was left alone so long that it would not be an upload's any more."""
        information = self.files.status(name)
        if information is None:
            return False
        return self._ages.age(name, information.st_mtime) > self._expire_after_seconds

    def _count(self, state: State) -> None:
        """Count what an earlier receiver has left."""
        record = state.record
        self._quota.count_record(state.upload_id, len(dumped(state.upload_id, record)))
        has_part = self.files.status(f"{state.upload_id}.part") is not None
        if record.is_stored or (record.joined_into is not None and not has_part):
            return
        length = 0 if record.made_of else record.length or 0
        self._quota.count(state.upload_id, max(state.offset, length))

    def _name(self, upload_id: str, suffix: str) -> str:
        if not UPLOAD_ID.fullmatch(upload_id):
            raise _unknown()
        return f"{upload_id}.{suffix}"


def upload_of(name: str) -> str | None:
    """The upload whose record has this name; None if it is no record."""
    match = _RECORD.fullmatch(name)
    return None if match is None else match[1]


def is_whole(state: State) -> bool:
    """Whether an upload only needs its name: its end had begun, or, in tus, nothing more comes."""
    record = state.record
    if not record.name or record.is_stored or record.is_to_be_joined:
        return False
    return record.ending is not None or (record.kind is Kind.TUS and state.offset == record.length)


def _unknown() -> Refusal:
    return Refusal(404, "there is no such upload here")

"""What a body is and what a pass over it can do; everything else in this room implements these."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterator

from filebody.errors import UsageError

__all__ = ["Body", "Reader", "WaitBy"]


class WaitBy(enum.Enum):
    """What to do after a `Reader` answered "not ready"."""

    THREAD = enum.auto()
    """Call `Reader.read_blocking` in a worker thread."""
    DESCRIPTOR = enum.auto()
    """Ask again when `Reader.fileno` has become readable (or was hung up)."""
    RETRY = enum.auto()
    """Ask again a little later: there is nothing to wait on."""


class Body(ABC):
    """What will be sent: an immutable description, of which passes are made with `open`.

    Attributes:
        length: How many bytes every pass gives, or None where that cannot be known beforehand.
        replayable: Whether `open` can be called more than once.
        source: The name of the file or stream for messages.

    Source: RFC 9110 section 6.4 calls this the content of a message.
    """

    length: int | None
    replayable: bool
    source: str

    @property
    def is_touched(self) -> bool:
        """Whether the file was touched while it was sent, and its content found unchanged.

        Its status change time differs then, as after `mv`, `chmod` or a new hard link. Samples of
        what was sent were compared, and all of it where a digest was computed on the way.
        """
        return False

    @abstractmethod
    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """Begin a pass. Nothing is opened or read before the `Reader` is first asked for bytes.

        Args:
            offset: The zero-based position in the body of the first byte to give.
            stop: The position of the first byte not to give any more; None for the body's end.

        Returns:
            A reader that the caller has to close.

        Raises:
            UsageError: `offset` or `stop` lies outside of the body. (Where its length is unknown, a
                range past its end may give what there is of it instead.)
            NotReplayable: The body can be read once only, and that pass has begun.
        """


class Reader(ABC):
    """One pass over a body: the only thing that touches a descriptor.

    At most one read may be under way at a time. `read` and `readinto` never block (as far as the
    operating system can promise it) and belong to the event loop's thread, as `close` does;
    `read_blocking` may block and belongs to a worker thread. `close` may be called at any time:
    while `read_blocking` is under way, and from within a read by the source itself.

    After the end every read answers the end again. After an error the reader can only be closed:
    what a further read gave could lie behind a gap.
    """

    @property
    @abstractmethod
    def wait_by(self) -> WaitBy:
        """How to wait after a "not ready".

        `WaitBy.RETRY` before the first read says that nothing can be waited on: what the source is
        made of decides how long a read takes, and a producer reads it in its turns only.
        """

    @property
    @abstractmethod
    def device(self) -> int | None:
        """The device (`st_dev`) that `read_blocking` waits for, or None if it is not known.

        Readers of one device slow each other down, readers of different devices do not.
        """

    @abstractmethod
    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        """Read up to `len(buffer)` bytes into `buffer` without blocking.

        Returns:
            How many bytes were read; 0 at the end; None when it is not ready (see `wait_by`).

        Raises:
            BodyError: The body cannot be read as promised.
            UsageError: The reader is closed, there is no room for a byte, or a read failed before.
            Exception: Whatever a file object given by the caller raises.
        """

    @abstractmethod
    def read(self, size: int) -> bytes | None:
        """Read up to `size` (at least 1) bytes without blocking.

        Returns:
            The bytes; empty at the end; None when it is not ready (see `wait_by`).

        Raises:
            BodyError: As for `readinto`, and so for the others.
        """

    @abstractmethod
    def read_blocking(self, size: int) -> bytes | None:
        """Read up to `size` (at least 1) bytes, waiting as long as it takes, in a worker thread.

        A `close` meanwhile is carried out by this call when it comes back; what it returns then
        is to be dropped. Called after `close`, it returns None at once.

        Returns:
            The bytes; empty at the end; None when there is still nothing: `read` knows what to wait
            for next, and to call this again is right, too.

        Raises:
            BodyError: As for `readinto`.
            Exception: What closing raises, if the reader was closed meanwhile.
        """

    @property
    def can_unread(self) -> bool:
        """Whether the bytes of the last read can be given back; it may differ after each read."""
        return False

    def unread(self, count: int) -> None:
        """Give back the last `count` bytes of the last read, of whichever kind: they come again.

        Who writes to a socket knows only afterwards how much it takes, and must not have to keep
        the rest. What comes again is what is there then: a file can have changed meanwhile, and
        what is checked before the last bytes are given out is checked once more.

        Args:
            count: In bytes; several calls after one read give back so many in all.

        Raises:
            UsageError: It cannot (see `can_unread`), the last read gave fewer bytes, or the reader
                is closed. Nothing has changed then.
        """
        raise UsageError(f"{self} cannot take back the {count} bytes that it gave")

    @property
    def is_touched(self) -> bool:
        """Whether this pass found its file touched, and its samples unchanged.

        That is known once a read has given the last bytes; it was a `read_blocking` then.
        """
        return False

    def read_again(self, start: int, stop: int) -> Iterator[bytes] | None:
        """Read a range of the body once more, as it is now; in a worker thread.

        Returns:
            Its pieces, or None where the source cannot be read again by this reader.

        Raises:
            OSError: It cannot be read.
        """
        del start, stop
        return None

    @abstractmethod
    def fileno(self) -> int:
        """The descriptor to wait on when `wait_by` is `WaitBy.DESCRIPTOR`.

        Raises:
            UsageError: There is none.
        """

    @abstractmethod
    def close(self) -> None:
        """End the pass and release what it holds, once; further calls do nothing.

        A descriptor is never closed under a read in flight, because its number could be given to
        another file: that read closes it when it comes back.

        Raises:
            Exception: What the source's own `close` raises; the reader is closed all the same.
        """

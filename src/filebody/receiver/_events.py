"""What a receiver tells its owner: one frozen value for each thing that came to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Aborted", "Interrupted", "ReceiverEvent", "Refused", "Served", "Stored"]


@attrs.frozen(kw_only=True)
class Stored:
    """An upload is on the disk under its final name.

    Attributes:
        path: The absolute path of the file.
        name: Its name below the receiver's directory, with `/` between segments.
        size_bytes: How long it is.
        sha256: Its SHA-256 digest in hexadecimal digits.
        replaced: Whether a file of this name was there before.
        seconds: From the request's head to the answer.
        peer: The client's address and port.
    """

    path: Path
    name: str
    size_bytes: int
    sha256: str
    replaced: bool
    seconds: float
    peer: str


@attrs.frozen(kw_only=True)
class Served:
    """A stored file was sent, whole or one range of it.

    Attributes:
        path: The absolute path of the file.
        name: Its name below the receiver's directory, with `/` between segments.
        size_bytes: How many bytes of it were sent.
        seconds: From the request's head to the last byte handed to the kernel.
        peer: The client's address and port.
    """

    path: Path
    name: str
    size_bytes: int
    seconds: float
    peer: str


@attrs.frozen(kw_only=True)
class Refused:
    """A request was answered with an error status.

    Attributes:
        method: The request's method; `-` where no request could be read.
        target: The request's target, with `***` for upload identifiers and for what is in its
            query; `-` where no request could be read.
        status: The status code of the answer.
        reason: The sentence that the client got.
        peer: The client's address and port.
    """

    method: str
    target: str
    status: int
    reason: str
    peer: str


@attrs.frozen(kw_only=True)
class Aborted:
    """An upload ended before its body did; nothing of it is left on the disk.

    Attributes:
        name: The name it was meant for, below the receiver's directory.
        received_bytes: How much of the body had come.
        reason: What happened, in words.
        peer: The client's address and port.
    """

    name: str
    received_bytes: int
    reason: str
    peer: str


@attrs.frozen(kw_only=True)
class Interrupted:
    """A request to a resumable upload ended before its body did; the upload can be gone on with.

    Attributes:
        name: The name it is meant for, below the receiver's directory; empty for what will be
            joined with others.
        offset: How much of the upload is kept, at least.
        length: How long it will be, in bytes; None if that is not known.
        reason: What happened, in words.
        peer: The client's address and port.
    """

    name: str
    offset: int
    length: int | None
    reason: str
    peer: str


ReceiverEvent = Stored | Served | Refused | Aborted | Interrupted

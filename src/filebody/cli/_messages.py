"""One line for what went wrong: what, with which file and URL, at which byte, what to do."""

from __future__ import annotations

import errno
from http import HTTPStatus

from filebody.cli._exit import Interrupted
from filebody.cli._words import bytes_count, one_line
from filebody.errors import (
    BodyChanged,
    BodyReadError,
    BodyShrank,
    DigestMismatch,
    RemoteError,
    TransferError,
    TransferTimeout,
    UsageError,
)

__all__ = ["failure_line", "status_words"]

_READ_ADVICE = {
    errno.ENOENT: "check the name",
    errno.EACCES: "you may not read it; ask its owner",
    errno.EIO: "its disk or file system is failing",
    errno.EISDIR: "send its files, or an archive of it",
}
_STATUS_ADVICE = {
    401: "give --token TOKEN or -H 'Authorization: ...'",
    403: "you may not store that there; check the token and the URL",
    404: "check the URL",
    405: "try another method with -X",
    408: "the server did not get it in time; try again",
    409: "something of this name is there already, or in the way; choose another name",
    411: "the server wants to know the length: send a file instead of a pipe",
    413: "it is longer than the server takes",
    429: "wait and try again",
    507: "the server's disk is full",
}


def status_words(status: int) -> str:
    """`413 Content Too Large`; the number alone if it has no registered name."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def failure_line(
    error: Exception, *, source: str, url: str, sent_bytes: int, total_bytes: int | None
) -> str:
    """Say what happened to one file.

    Args:
        error: Why it was not sent.
        source: The file, safe to be shown.
        url: Where it was to go.
        sent_bytes: How many of its bytes were.
        total_bytes: Of how many, or None.
    """
    reached = f"after {bytes_count(sent_bytes)}"
    if total_bytes is not None:
        reached = f"after {sent_bytes:,} of {bytes_count(total_bytes)}"
    match error:
        case UsageError():
            line = str(error)
        case BodyChanged():
            line = (
                f"{source} changed while it was being sent to {url} ({error.what}; noticed at byte "
                f"{error.offset}): send it again when nobody writes to it, or add --allow-changes"
            )
        case BodyShrank():
            line = (
                f"{source} ended at byte {error.offset} of {error.expected_end} while it was being "
                f"sent to {url}: somebody cut it short; send it again when nobody writes to it"
            )
        case BodyReadError():
            line = f"cannot read {source} at byte {error.offset} (for {url}): {error.strerror}"
            line += _after(_READ_ADVICE.get(error.errno or 0))
        case DigestMismatch():
            line = (
                f"{url} has other bytes than the {sent_bytes:,} that were sent of {source}: its "
                f"sha-256 is {error.received.hex()}, but {error.sent.hex()} was sent; send it again"
            )
        case RemoteError():
            line = f"{url} answered {status_words(error.status)} to {source} {reached}"
            line += f": {error.detail}" if error.detail else ""
            line += _after(_advice(error))
        case TransferTimeout():
            line = f"timeout sending {source} to {url} {reached}: {error.reason}; try again, or "
            line += "give it longer (--connect-timeout, --stall-timeout, --response-timeout)"
        case TransferError():
            line = f"cannot send {source} to {url} ({reached}): {error.reason}"
        case Interrupted():
            line = (
                f"interrupted while sending {source} to {url}, {reached}: the upload is not "
                "complete; run the command again to send it whole"
            )
        case _:
            line = f"cannot send {source} to {url} ({reached}): {type(error).__name__}: {error}"
    return one_line(line)


def _advice(error: RemoteError) -> str | None:
    if error.status >= 500:
        return _STATUS_ADVICE.get(error.status, "the server has a problem; try again later")
    return _STATUS_ADVICE.get(error.status)


def _after(advice: str | None) -> str:
    return f"; {advice}" if advice else ""

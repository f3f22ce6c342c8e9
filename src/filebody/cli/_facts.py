"""Objects that `--json` prints: one for each event, with the same names at all times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filebody.cli._exit import kind_of
from filebody.cli._words import one_line, unicode

if TYPE_CHECKING:
    from filebody.cli._show import Result

__all__ = ["cancelled", "command_failed", "file_ended"]


def file_ended(result: Result) -> dict[str, object]:
    """Describe the outcome of one file."""
    reached = result.reached
    return {
        "event": "sent" if result.error is None else "failed",
        "source": unicode(result.source),
        "url": result.url,
        "status": result.status,
        "size": reached.total_bytes,
        "bytes": reached.sent_bytes,
        "seconds": round(result.seconds, 6),
        "sha256": reached.sha256.hex() if reached.sha256 is not None else None,
        "verified": result.verified,
        "coding": reached.coding,
        "encoded_bytes": reached.encoded_bytes,
        "protocol": reached.protocol,
        "resumed_bytes": reached.resumed_bytes,
        "upload": reached.upload_id,
        **_failure(result.error, result.code),
    }


def cancelled(upload_id: str, url: str, error: str | None, code: int) -> dict[str, object]:
    """Describe the outcome of a cancellation."""
    return {
        "event": "cancelled" if error is None else "failed",
        "upload": upload_id,
        "url": url,
        **_failure(error, code),
    }


def command_failed(error: str, code: int) -> dict[str, object]:
    """Describe a failure of the command as a whole: of its usage, or between two files."""
    return {"event": "error", **_failure(error, code)}


def _failure(error: str | None, code: int) -> dict[str, object]:
    return {
        "error": None if error is None else one_line(error),
        "error_kind": kind_of(code),
        "exit_code": int(code),
    }

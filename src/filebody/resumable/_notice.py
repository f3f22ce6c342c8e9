"""What a user is told of an upload besides its progress."""

from __future__ import annotations

import enum

import attrs

__all__ = ["Notice", "NoticeKind"]


class NoticeKind(enum.Enum):
    """What happened."""

    CHOSEN = "chosen"
    """It is known how the upload is sent; the text is the protocol's name."""
    RESUMED = "resumed"
    """It goes on where it was."""
    ANEW = "anew"
    """It begins anew; the text says why."""
    RETRYING = "retrying"
    """Something failed, as the text says, and is tried again later."""
    NOT_KEPT = "not kept"
    """No checkpoint can be written; the text says why. It is sent all the same."""
    WAITING = "waiting"
    """Another process is at it."""
    TOUCHED = "touched"
    """The file was moved, linked, or got another mode or owner; its content is the same."""


@attrs.frozen(kw_only=True)
class Notice:
    """One of them.

    Attributes:
        kind: What happened.
        text: In words, as far as there are any to add.
        offset: How many bytes the server has, as far as is known.
        delay_seconds: How long until the next try (RETRYING).
        error: What failed (RETRYING), or None.
    """

    kind: NoticeKind
    text: str = ""
    offset: int = 0
    delay_seconds: float = 0.0
    error: Exception | None = None

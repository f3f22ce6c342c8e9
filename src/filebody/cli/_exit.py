"""What the command says to the shell when it ends."""

from __future__ import annotations

import enum

from filebody.errors import (
    BodyError,
    DigestMismatch,
    RemoteError,
    TransferError,
    TransferTimeout,
    UsageError,
    WrongOffset,
)

__all__ = ["ExitCode", "Interrupted", "exit_code_of", "kind_of"]


class ExitCode(enum.IntEnum):
    """The exit codes: those of curl where it has one, of sysexits.h where it has not."""

    OK = 0
    USAGE = 2
    REFUSED = 22
    UNREADABLE = 26
    TIMEOUT = 28
    LOST = 55
    MISMATCH = 65
    BUG = 70


class Interrupted(Exception):
    """A signal asked to stop.

    Attributes:
        signal_number: Which one.
    """

    signal_number: int

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.signal_number = signal_number


# The more special class stands before the one that it is a kind of.
_CODES: tuple[tuple[type[Exception], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (BodyError, ExitCode.UNREADABLE),
    (DigestMismatch, ExitCode.MISMATCH),
    (WrongOffset, ExitCode.MISMATCH),
    (RemoteError, ExitCode.REFUSED),
    (TransferTimeout, ExitCode.TIMEOUT),
    (TransferError, ExitCode.LOST),
)


def exit_code_of(error: Exception) -> int:
    """The code to exit with after `error`; shells say 128 + N of what ended by signal N."""
    if isinstance(error, Interrupted):
        return 128 + error.signal_number
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.BUG


def kind_of(code: int) -> str | None:
    """The word for an exit code in JSON; None for success."""
    if code == ExitCode.OK:
        return None
    return "interrupted" if code > 128 else ExitCode(code).name.lower()

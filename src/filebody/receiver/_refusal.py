"""The one exception by which every module says no to a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filebody.errors import FilebodyError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Refusal"]


class Refusal(FilebodyError):
    """A request is answered with an error status; nothing is stored.

    Attributes:
        status: The HTTP status code (RFC 9110 section 15).
        reason: What is wrong and what would be right, in one sentence for the client's eyes.
        fields: Further response fields that the status calls for, such as Allow.
    """

    status: int
    reason: str
    fields: Sequence[tuple[str, str]]

    def __init__(self, status: int, reason: str, fields: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason
        self.fields = fields

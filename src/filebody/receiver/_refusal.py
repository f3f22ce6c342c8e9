"""The one exception by which every module says no to a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filebody.errors import FilebodyError
from filebody.wire import MEDIA_TYPE_PROBLEM, Problem, format_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Refusal"]


class Refusal(FilebodyError):
    """A request is answered with an error status; nothing is stored.

    Attributes:
        status: The HTTP status code (RFC 9110 section 15).
        reason: What is wrong and what would be right, in one sentence for the client's eyes.
        fields: Further response fields that the status calls for, such as Allow.
        problem: What a program can read instead of the sentence (RFC 9457).
    """

    status: int
    reason: str
    fields: Sequence[tuple[str, str]]

    problem: Problem | None

    def __init__(
        self,
        status: int,
        reason: str,
        fields: Sequence[tuple[str, str]] = (),
        *,
        problem: Problem | None = None,
    ) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason
        self.fields = fields
        self.problem = problem

    @property
    def content(self) -> tuple[str, bytes]:
        """The media type and the content of the answer."""
        if self.problem is not None:
            return MEDIA_TYPE_PROBLEM, format_problem(self.problem)
        return "text/plain; charset=utf-8", self.reason.encode("utf-8", "backslashreplace") + b"\n"

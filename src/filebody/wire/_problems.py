"""Problem details of the IETF draft: why a request to an upload was refused (RFC 9457)."""

from __future__ import annotations

import json
from enum import StrEnum

import attrs

__all__ = ["Problem", "ProblemType", "format_problem", "parse_problem"]

_REGISTRY = "https://iana.org/assignments/http-problem-types#"


class ProblemType(StrEnum):
    """The types that the draft defines."""

    MISMATCHING_OFFSET = _REGISTRY + "mismatching-upload-offset"
    COMPLETED = _REGISTRY + "completed-upload"
    INCONSISTENT_LENGTH = _REGISTRY + "inconsistent-upload-length"


@attrs.frozen(kw_only=True)
class Problem:
    """One problem.

    Attributes:
        type: Which.
        title: In words.
        expected_offset: The offset that the server has, for a mismatching one.
        provided_offset: The offset that the request had.
    """

    type: ProblemType
    title: str = ""
    expected_offset: int | None = None
    provided_offset: int | None = None


def format_problem(problem: Problem) -> bytes:
    """Write the content of a response."""
    facts: dict[str, object] = {"type": problem.type.value, "title": problem.title}
    if problem.expected_offset is not None:
        facts["expected-offset"] = problem.expected_offset
    if problem.provided_offset is not None:
        facts["provided-offset"] = problem.provided_offset
    return json.dumps(facts).encode() + b"\n"


def parse_problem(content: bytes) -> Problem | None:
    """Read the content of a response; None if it is not JSON, or another problem than these."""
    try:
        facts = json.loads(content)
        kind = ProblemType(facts["type"])
        title = facts.get("title", "")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Problem(
        type=kind,
        title=title if isinstance(title, str) else "",
        expected_offset=_offset(facts.get("expected-offset")),
        provided_offset=_offset(facts.get("provided-offset")),
    )


def _offset(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None

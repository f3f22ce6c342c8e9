"""Redaction under the names that the command uses."""

from __future__ import annotations

from filebody._redaction import redact as url_without_secrets
from filebody._redaction import redact_identifiers as text_without_identifiers
from filebody._redaction import redact_line as line_without_secrets
from filebody._redaction import redact_unparsed
from filebody.cli._words import one_line

__all__ = [
    "line_without_secrets",
    "shown_argument",
    "text_without_identifiers",
    "url_without_secrets",
]


def shown_argument(argument: str) -> str:
    """An argument that may be meant as a URL, on one line and without secrets."""
    return one_line(redact_unparsed(argument))

"""Redaction under the names that the command uses."""

from __future__ import annotations

from filebody._redaction import redact as url_without_secrets
from filebody._redaction import redact_line as line_without_secrets

__all__ = ["line_without_secrets", "url_without_secrets"]

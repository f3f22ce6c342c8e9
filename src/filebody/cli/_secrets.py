"""What is not to be shown: whoever sees a log must not be able to send in another's name."""

from __future__ import annotations

import re

__all__ = ["line_without_secrets", "url_without_secrets"]

# Names of fields and of parts of a query that are known, or likely, to hold what others must not
# see: signed URLs are credentials too.
_SECRET = r"auth|cookie|token|secret|passw|credential|signature|api-?key|access-?key|\bsig\b"  # noqa: S105
_SECRET_FIELD = re.compile(rf"([^:]*(?:{_SECRET})[^:]*):", re.IGNORECASE)
_SECRET_QUERY = re.compile(rf"([?&][^=&\s]*(?:{_SECRET})[^=&\s]*=)[^&#\s]+", re.IGNORECASE)
_USER = re.compile(r"(://)[^/@\s]+@")
_BLOT = "***"


def line_without_secrets(line: str) -> str:
    """A line of a head, or any with URLs in it, with a blot for each secret."""
    field = _SECRET_FIELD.match(line)
    # The first line of a head has a colon only in its URL.
    if field is not None and " " not in field[1]:
        return f"{field[1]}: {_BLOT}"
    return url_without_secrets(line)


def url_without_secrets(url: str) -> str:
    """A URL, or text with URLs in it, with a blot for each secret."""
    url = _USER.sub(rf"\g<1>{_BLOT}@", url)
    return _SECRET_QUERY.sub(rf"\g<1>{_BLOT}", url)

"""Request targets without secrets, as events and log lines may show them.

An upload's identifier is all that is needed to go on with it or to end it, and queries may be
signatures or tokens: the receiver has no use for them, but clients and proxies have.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["shown_target"]

_MASK: Final = "***"
_UPLOAD: Final = re.compile(r"(/\.uploads/)[^/?#]+")
_USER: Final = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.\-]*://)[^/?#]*@")


def shown_target(target: bytes) -> str:
    """Write the target of a request without upload identifiers, query values and user names."""
    text = _USER.sub(rf"\g<1>{_MASK}@", target.decode("latin-1"))
    path, mark, query = text.partition("?")
    path = _UPLOAD.sub(rf"\g<1>{_MASK}", path)
    if not mark:
        return path
    values = (name + equals for name, equals, _ in (one.partition("=") for one in query.split("&")))
    return (
        path + mark + "&".join(f"{name}{_MASK}" if name[-1:] == "=" else _MASK for name in values)
    )

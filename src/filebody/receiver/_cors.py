"""Pages of other origins that may store files here, if the owner of the receiver says so.

Source: the Fetch standard, section 3.2 (CORS protocol).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from filebody.receiver._request import field
from filebody.wire import Field

if TYPE_CHECKING:
    import h11

    from filebody.receiver._config import ReceiverConfig
    from filebody.receiver._responses import Fields

__all__ = ["cors_fields", "is_preflight", "preflight_fields"]

_METHODS: Final = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_OWN: Final = ("Location", "Content-Location", "Repr-Digest")
_NAMES: Final = re.compile(
    r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*"
)
_DAY_SECONDS: Final = 24 * 60 * 60


def cors_fields(request: h11.Request, config: ReceiverConfig) -> Fields:
    """Fields that let a page read the answer; none where no page of its origin may."""
    origin = field(request, b"origin")
    if origin is None or not config.allows(origin):
        return []
    return [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", ", ".join([*_OWN, *Field])),
        ("Vary", "Origin"),
    ]


def is_preflight(request: h11.Request, config: ReceiverConfig) -> bool:
    """Whether a browser asks if a page that may store files here may send a certain request.

    It asks without the token: browsers never send credentials with this question.
    """
    return (
        request.method == b"OPTIONS"
        and field(request, b"access-control-request-method") is not None
        and config.allows(field(request, b"origin") or "")
    )


def preflight_fields(request: h11.Request) -> Fields:
    """Allow it: what may be done is said when it is done."""
    fields = [
        ("Access-Control-Allow-Methods", _METHODS),
        ("Access-Control-Max-Age", str(_DAY_SECONDS)),
    ]
    asked = field(request, b"access-control-request-headers")
    if asked is not None and _NAMES.fullmatch(asked):
        fields.append(("Access-Control-Allow-Headers", asked))
    return fields

"""What a request is answered by: the one place that knows every kind of exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filebody.receiver._download import Download
from filebody.receiver._options import Options
from filebody.receiver._refusal import Refusal
from filebody.receiver._request import ALLOW, authorize, upload_of
from filebody.receiver._upload import Reception

if TYPE_CHECKING:
    import h11

    from filebody.receiver._exchange import Exchange, Line

__all__ = ["exchange_for"]


def exchange_for(line: Line, request: h11.Request) -> Exchange:
    """Choose what answers a request.

    Raises:
        Refusal: The head of the request is reason enough to say no.
    """
    site = line.site
    authorize(request, site.config, scheme=site.scheme)
    if request.method in {b"PUT", b"POST"}:
        return Reception(line, upload_of(request, site.config))
    if request.method in {b"GET", b"HEAD"}:
        return Download(line, request)
    if request.method == b"OPTIONS":
        return Options(line)
    raise Refusal(405, f"the methods here are {ALLOW}", [("Allow", ALLOW)])

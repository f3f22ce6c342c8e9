"""References to resources of the receiver, as Location and Content-Location have them.

A proxy may show the receiver below a path, at another host, or by another scheme. With a public URL
in the settings a reference is absolute. Without one it is relative to the request's own URL, so it
survives whatever the proxy has put before it.

Source: RFC 9110 sections 8.7 and 10.2.2; RFC 3986 section 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from filebody.receiver._manner import UPLOADS_PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["located", "reference", "upload_id_in"]

_FIELDS: Final = frozenset({"Location", "Content-Location"})


def located(
    fields: Sequence[tuple[str, str]], target: bytes, public_url: str | None
) -> list[tuple[str, str]]:
    """Turn the paths in Location and Content-Location into references.

    Args:
        fields: The fields of a response.
        target: The target of its request.
        public_url: The receiver's URL as clients know it, with a slash at its end; None if unknown.
    """
    return [
        (name, reference(value, target, public_url) if name in _FIELDS else value)
        for name, value in fields
    ]


def reference(path: str, target: bytes, public_url: str | None) -> str:
    """Write a reference to one of our own paths; see `located`."""
    if public_url is not None:
        return public_url.rstrip("/") + path
    base = target.partition(b"?")[0].decode("latin-1").split("/")[1:-1]
    if path.startswith(UPLOADS_PATH):
        # Uploads have a URL in every directory: see `upload_id_in`.
        return path[1:] if base[-1:] != [UPLOADS_PATH.strip("/")] else path[len(UPLOADS_PATH) :]
    *directories, last = path[1:].split("/")
    shared = 0
    for one, other in zip(base, directories, strict=False):
        if unquote(one) != unquote(other):
            break
        shared += 1
    return "/".join([*[".."] * (len(base) - shared), *directories[shared:], last]) or "./"


def upload_id_in(path: str) -> str | None:
    """Find the identifier of an upload in the path of a URL; None if it is not an upload's.

    An upload is found in every directory: `.uploads/ID` beside the file that is asked for leads to
    it below any path that a proxy adds or takes off. No file has such a name. Simple clients send
    the reference in Location as it is, without resolving it: that has no slash before it.
    """
    _, mark, upload_id = f"/{path}".partition("?")[0].rpartition(UPLOADS_PATH)
    return upload_id if mark else None

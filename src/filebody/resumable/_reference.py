"""Relative references to uploads, which are shorter than their URLs."""

from __future__ import annotations

from filebody.errors import UsageError
from filebody.wire import parse_target

__all__ = ["path_reference", "relative_reference"]


def path_reference(base: str, url: str) -> str:
    """The absolute path of `url` where its origin is that of `base`, else `url`."""
    try:
        is_same = parse_target(base).origin == parse_target(url).origin
    except UsageError:
        is_same = False
    return _path(url) if is_same else url


def relative_reference(base: str, url: str) -> str:
    """The shortest reference that leads from `base` to `url`.

    Args:
        base: The URL of the request that has the reference.
        url: An absolute URL.

    Returns:
        A relative path where `url` lies in or below the directory of `base`; else an absolute path
        on the same origin, or the URL itself.

    Source: RFC 3986 section 4.2.
    """
    path = path_reference(base, url)
    directory = _path(base).partition("?")[0].rpartition("/")[0] + "/"
    below = path.removeprefix(directory)
    # What looks like a scheme, or like an authority, would be read as one.
    first = below.partition("/")[0]
    is_misread = not first or ":" in first or first in {".", ".."} or first.startswith("?")
    return path if below == path or is_misread else below


def _path(url: str) -> str:
    """Path and query."""
    rest = url.partition("://")[2]
    slash = rest.find("/")
    return "/" if slash < 0 else rest[slash:].partition("#")[0]

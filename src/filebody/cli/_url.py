"""The URL on the command line: finds it, and says what is wrong with what is none."""

from __future__ import annotations

import difflib
import os
import re

from filebody.cli._secrets import shown_argument
from filebody.cli._sources import STDIN
from filebody.cli._targets import Target
from filebody.cli._words import one_line
from filebody.errors import UsageError

__all__ = ["EMPTY", "begins_as_url", "is_misplaced_url", "is_source", "no_url", "parse_url"]

EMPTY = "an argument is empty: is a variable unset?"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_NO_HOST = re.compile(r"https?:?/*", re.IGNORECASE)
# A slip in what should be ://
_SLIP = re.compile(r"(https?)(?::/?|[;/]+|:;/*|:///+)([\w\[].*)", re.IGNORECASE)
# host:port or host:port/path, as one types it when one forgets the scheme.
_BARE_PORT = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\]|):\d+(/.*)?")
# host:path or user@host:path, as scp and rsync write it.
_REMOTE_PATH = re.compile(r"(?:[\w.-]+@)?([\w-][\w.-]*):(?!\d+(?:/|$))(.*)")
_BARE_HOST = re.compile(
    r"(//)?(localhost|\[[0-9A-Fa-f:.]+\]|[\w-]+(\.[\w-]+)+|[\w-]+(?=/))(/.*)?", re.IGNORECASE
)
_OTHER_SCHEMES = frozenset(
    {"az", "dav", "davs", "file", "ftp", "ftps", "gs", "mailto", "nfs", "rsync", "s3", "scp"}
    | {"sftp", "smb", "ssh", "tftp", "tus", "webdav", "webdavs"}
)
_BEGINNING = "begins with http:// or https://"


def begins_as_url(argument: str) -> bool:
    """Tell whether an argument begins as a URL that can be sent to."""
    return _HTTP.match(argument) is not None


def is_misplaced_url(argument: str) -> bool:
    """Tell whether an argument is a URL, of any scheme, where a file should be."""
    return _SCHEME.match(argument) is not None and not os.path.exists(argument)


def is_source(argument: str) -> bool:
    """Tell whether an argument names something that can be sent."""
    return argument == STDIN or (not begins_as_url(argument) and os.path.exists(argument))


def parse_url(argument: str) -> Target:
    """Read the URL.

    Raises:
        UsageError: It is none, or nothing can be sent there.
    """
    if not begins_as_url(argument):
        raise no_url(argument)
    return Target.parse(argument)


def no_url(argument: str) -> UsageError:
    """The error for a last argument that is no URL; it says what was probably meant."""
    shown = shown_argument(argument)
    if argument == "":
        return UsageError(
            "there is no URL: end the command with one, such as http://host/ (is a variable unset?)"
        )
    if is_source(argument):
        shown = one_line(argument)
        kind = "a directory" if os.path.isdir(argument) else "a file"
        what = "the standard input" if argument == STDIN else f"{kind} of this machine"
        return UsageError(
            f"there is no URL: {shown} is {what}; end the command with a URL, such as "
            "http://host/ (filebody try stores files in ./received)"
        )
    if argument != argument.strip():
        return UsageError(f"{shown!r} has a space around it: a URL {_BEGINNING}")
    return UsageError(
        _other_scheme(argument)
        or _forgotten_scheme(argument)
        or (f"{shown} is no file, and no URL, which {_BEGINNING} and goes last")
    )


def _other_scheme(argument: str) -> str | None:
    """Name the scheme that is unknown, with the known one that is like it."""
    shown = shown_argument(argument)
    scheme = _SCHEME.match(argument)
    remote = _REMOTE_PATH.fullmatch(argument)
    name = scheme[1].lower() if scheme is not None else ""
    if scheme is None and remote is not None and remote[1].lower() in _OTHER_SCHEMES:
        name = remote[1].lower()
    if scheme is not None and name not in _OTHER_SCHEMES:
        near = difflib.get_close_matches(name, ["https", "http"], 1, 0.6)
        if near:
            meant = f"{near[0]}://{shown_argument(argument[scheme.end() :])}"
            return f"{shown}: there is no scheme {scheme[1]}://; write {meant}"
    if name:
        return f"{shown}: filebody sends by http:// and https:// only, not by {name}:"
    return None


def _forgotten_scheme(argument: str) -> str | None:
    """Say how the URL is written that was probably meant."""
    shown = shown_argument(argument)
    if _NO_HOST.fullmatch(argument):
        return f"{shown} is not a URL: it needs a host, such as http://localhost/"
    slip = _SLIP.fullmatch(argument)
    if slip is not None:
        return f"{shown} is not a URL: write {slip[1].lower()}://{shown_argument(slip[2])}"
    bare = _BARE_PORT.fullmatch(argument)
    if bare is not None:
        host = "" if bare[1] else "localhost"
        return f"{shown} is no file, and no URL: write http://{host}{shown}"
    remote = _REMOTE_PATH.fullmatch(argument)
    if remote is not None:
        return f"{shown} is a path for scp or rsync: filebody needs a URL, which {_BEGINNING}"
    if _BARE_HOST.fullmatch(argument):
        address = shown_argument(argument.removeprefix("//"))
        return f"{shown} is no file, and no URL, which {_BEGINNING}: such as https://{address}"
    return None

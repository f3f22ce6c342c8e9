"""From a request's target to the name of a file: the only way in for names from outside.

A name is a tuple of segments below the receiver's directory. Every segment is one that `ls` shows,
that no shell, terminal or other system takes for something else, and that can be written in a URL.
Names that begin with a dot are neither stored, served nor listed: that keeps `.ssh`, `.git` and
`.htaccess` out of reach, and our own temporaries out of sight.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from urllib.parse import quote, unquote_to_bytes

import attrs

from filebody.receiver._refusal import Refusal

__all__ = [
    "MAX_PATH_BYTES",
    "MAX_SEGMENT_BYTES",
    "Name",
    "Target",
    "fault_of",
    "is_made_up",
    "made_up_segment",
    "parse_target",
]

MAX_SEGMENT_BYTES = 255  # NAME_MAX of every file system in use
MAX_PATH_BYTES = 2048  # well below PATH_MAX, so that other programs can open what we stored

# Cc: control characters; Zl, Zp: line breaks that are not ASCII; Cs: halves of characters.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MADE_UP = re.compile(r"upload-[0-9a-f]{16}")
_ABSOLUTE_FORM = re.compile(rb"(?i:https?)://[^/?#]*")

Name = tuple[str, ...]


@attrs.frozen
class Target:
    """What a request is about.

    Attributes:
        name: The segments; empty for the receiver's directory itself.
        is_directory: Whether the target ends in a slash.
    """

    name: Name
    is_directory: bool

    @property
    def url_path(self) -> str:
        """The percent-encoded absolute path (RFC 3986 section 3.3)."""
        path = "/" + "/".join(quote(segment, safe="") for segment in self.name)
        return path + "/" if self.is_directory and self.name else path


def made_up_segment() -> str:
    """Make up a name for a file whose client gave none."""
    return f"upload-{secrets.token_hex(8)}"


def is_made_up(name: Name) -> bool:
    """Return whether the last segment is one of `made_up_segment`."""
    return bool(name) and _MADE_UP.fullmatch(name[-1]) is not None


def fault_of(segment: str) -> str | None:
    """Say what is wrong with one segment of a name, or None if nothing is."""
    if segment in {"", ".", ".."}:
        return f"a name must not have {segment!r} between its slashes"
    if "/" in segment or "\\" in segment:
        return "a name must not have a slash or a backslash in it"
    if any(unicodedata.category(character) in _UNPRINTABLE for character in segment):
        return "a name must not have control characters or line breaks in it"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"a name must not be longer than {MAX_SEGMENT_BYTES} bytes between two slashes"
    if segment.startswith("."):
        return "names that begin with a dot are neither stored nor served"
    return None


def parse_target(target: bytes) -> Target:
    """Read a request target in origin-form or absolute-form; a query is ignored.

    Args:
        target: What stands between method and version in the request line.

    Returns:
        The name, safe to be opened segment by segment below the directory.

    Raises:
        Refusal: 400, with what is wrong in words.

    Source: RFC 9112 section 3.2, RFC 3986 section 2.1.
    """
    form = _ABSOLUTE_FORM.match(target)
    path = (target[form.end() :] if form else target).partition(b"?")[0]
    if form and not path:
        path = b"/"  # RFC 9110 section 4.2.3: an empty path is the root
    if not path.startswith(b"/"):
        raise Refusal(400, "the request target must be a path that begins with a slash")
    if b"#" in path:
        raise Refusal(400, "write # as %23 in a name")
    if _BAD_ESCAPE.search(path):
        raise Refusal(400, "a % in a name must be followed by two hexadecimal digits")
    raw = path[1:].split(b"/")
    is_directory = raw[-1] == b""
    if is_directory:
        raw.pop()
    name = tuple(_decoded(segment) for segment in raw)
    if sum(len(segment.encode()) + 1 for segment in name) > MAX_PATH_BYTES:
        raise Refusal(400, f"a path must not be longer than {MAX_PATH_BYTES} bytes")
    return Target(name, is_directory)


def _decoded(raw: bytes) -> str:
    # Split first, decode then: an encoded slash is part of a segment, and refused there.
    try:
        segment = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise Refusal(400, "a name must be percent-encoded UTF-8") from error
    if fault := fault_of(segment):
        raise Refusal(400, fault)
    return segment

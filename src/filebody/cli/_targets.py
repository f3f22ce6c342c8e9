"""Where from and where to: sources, URLs and header fields as they stand on the command line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from urllib.parse import quote, quote_from_bytes, urlsplit

import attrs

from filebody.body import Body, FileBody, PathBody
from filebody.cli._words import one_line
from filebody.errors import BodyReadError, UsageError

__all__ = ["Source", "Target", "parse_header", "plan", "split_arguments"]

STDIN = "-"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# host:port or host:port/path, as one types it when one forgets the scheme.
_BARE_HOST = re.compile(r"[\w.-]+:\d+(/.*)?")
# RFC 9110 section 5.6.2 and 5.5.
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# RFC 3986 section 3.3: what may stand in a path, the escapes that are there included.
_PATH_CHARACTERS = "/%:@!$&'()*+,;=~"
_OURS = {
    "content-length": "it follows from what is sent",
    "transfer-encoding": "it follows from whether the length is known",
}


@attrs.frozen
class Source:
    """One thing to send.

    Attributes:
        argument: As it was given: a path, or `-` for the standard input.
        name: The last segment of its URL, if it has to have one.
    """

    argument: str
    name: str

    @property
    def shown(self) -> str:
        """The name for people."""
        return "<stdin>" if self.argument == STDIN else one_line(self.argument)

    def body(self, *, allow_changes: bool) -> Body:
        """What to send; looks at the file.

        Raises:
            BodyReadError: There is no file to read.
            UsageError: There is something else.
        """
        if self.argument != STDIN:
            return PathBody(self.argument, allow_changes=allow_changes)
        if sys.stdin is None:
            closed = OSError("the standard input is closed")
            raise BodyReadError("<stdin>", 0, closed)
        return FileBody(sys.stdin.buffer, close=True, allow_changes=allow_changes)


@attrs.frozen
class Target:
    """A URL, taken apart.

    Attributes:
        scheme: `http` or `https`.
        host: A name in ASCII, or an address without brackets.
        port: The TCP port.
        authority: Host and port as they stand in the URL and in the Host field.
        path: Percent-encoded; begins with a slash.
        query: With its question mark, or empty.
    """

    scheme: str
    host: str
    port: int
    authority: str
    path: str
    query: str = ""

    @property
    def url(self) -> str:
        """The whole of it."""
        return f"{self.scheme}://{self.authority}{self.path}{self.query}"

    @property
    def is_directory(self) -> bool:
        """Whether names are to be appended."""
        return self.path.endswith("/")

    def below(self, name: str) -> Target:
        """The URL of `name` in this directory (RFC 3986 section 2.1, over UTF-8)."""
        return attrs.evolve(self, path=self.path + quote_from_bytes(os.fsencode(name), safe=""))

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read a URL.

        Raises:
            UsageError: Nothing can be sent there.
        """
        shown = one_line(text)
        if any(character.isspace() or ord(character) < 32 for character in text):
            raise UsageError(f"{shown!r} has a space in it: write %20")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{shown} is not a URL: {error}") from error
        if parts.username is not None:
            raise UsageError(
                f"{shown} has a user name in it, which would show in lists of processes: "
                "use --token or -H 'Authorization: ...'"
            )
        if not parts.hostname or port == 0:
            raise UsageError(f"{shown} is not a URL: it needs a host, such as http://localhost/")
        host = _ascii_host(parts.hostname, shown)
        bracketed = f"[{host}]" if ":" in host else host
        return cls(
            scheme=parts.scheme,
            host=host,
            port=port or (443 if parts.scheme == "https" else 80),
            authority=bracketed if port is None else f"{bracketed}:{port}",
            path=_encoded(parts.path) or "/",
            query=f"?{_encoded(parts.query, '?')}" if parts.query else "",
        )


def _ascii_host(host: str, shown: str) -> str:
    try:
        return host if ":" in host else host.encode("idna").decode()
    except UnicodeError as error:
        raise UsageError(f"{shown} is not a URL: there can be no such host") from error


def _encoded(part: str, more: str = "") -> str:
    return quote(_STRAY_PERCENT.sub("%25", part), safe=_PATH_CHARACTERS + more)


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], Target | None]:
    """Tell the sources from the URL, which is the last argument if there is one.

    Raises:
        UsageError: There is a URL elsewhere, one of another scheme, or nothing to send.
    """
    *sources, last = arguments
    target = None
    scheme = _SCHEME.match(last)
    if scheme is None:
        sources.append(last)
        if _BARE_HOST.fullmatch(last) and not os.path.exists(last):
            raise UsageError(
                f"{one_line(last)} is not a file; if it is a URL, write http://{one_line(last)}"
            )
    elif scheme[1].lower() in {"http", "https"}:
        target = Target.parse(last)
    else:
        raise UsageError(
            f"{one_line(last)}: filebody speaks http:// and https:// only, not {scheme[1]}://"
            f"{'' if not os.path.exists(last) else f'; if it is a file, write ./{one_line(last)}'}"
        )
    for source in sources:
        if _SCHEME.match(source) and not os.path.exists(source):
            raise UsageError(f"{one_line(source)}: the URL goes last, after the files")
    if not sources:
        raise UsageError(f"nothing to send to {one_line(last)}: name a file before it, or -")
    return sources, target


def plan(arguments: Sequence[str], target: Target, name: str | None) -> list[tuple[Source, Target]]:
    """Give every source its URL.

    Raises:
        UsageError: A name is missing, is there twice, or cannot be used.
    """
    if name is not None:
        _check_name(name, arguments, target)
    if not target.is_directory and len(arguments) > 1:
        raise UsageError(
            f"{len(arguments)} files cannot all go to {target.url}: end the URL with / to send "
            "each under its own name"
        )
    if arguments.count(STDIN) > 1:
        raise UsageError("the standard input can be sent only once")
    planned = []
    for argument in arguments:
        source = Source(argument, name or _name_of(argument, target))
        planned.append((source, target.below(source.name) if target.is_directory else target))
    _check_apart([source for source, _ in planned])
    return planned


def _check_apart(sources: Sequence[Source]) -> None:
    """Refuse two sources that would go to one place: the second would replace the first."""
    seen: dict[str, Source] = {}
    for source in sources:
        other = seen.setdefault(source.name, source)
        if other is not source:
            raise UsageError(
                f"{other.shown} and {source.shown} would both be sent as {one_line(source.name)}: "
                "send them to different places, one after the other"
            )


def _check_name(name: str, arguments: Sequence[str], target: Target) -> None:
    if len(arguments) > 1:
        raise UsageError("--name is for one file: several are sent under their own names")
    if not target.is_directory:
        raise UsageError(f"--name is for a URL that ends with /; {target.url} has a name")
    if "/" in name or name in {"", ".", ".."}:
        raise UsageError(f"--name {one_line(name)!r} is not the name of a file")


def _name_of(argument: str, target: Target) -> str:
    if argument != STDIN:
        return os.path.basename(argument.rstrip("/"))
    if target.is_directory:
        raise UsageError("the standard input has no name: add --name NAME")
    return ""


def parse_header(text: str) -> tuple[str, str]:
    """Read a header field, `Name: value` (RFC 9110 section 5.1).

    Raises:
        UsageError: It is none, or one that only filebody can know.
    """
    match = _FIELD.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{one_line(text)!r} is not a header field: write 'Name: value', on one line"
        )
    name, value = match.groups()
    if name.lower() in _OURS:
        raise UsageError(f"{name} cannot be set: {_OURS[name.lower()]}")
    return name, value

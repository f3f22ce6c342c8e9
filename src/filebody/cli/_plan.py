"""What the arguments mean: what is sent, under which names, and where to."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from filebody.cli._form import Part
from filebody.cli._sources import STDIN, FileSource, FormSource, Source
from filebody.cli._targets import Target
from filebody.cli._words import one_line
from filebody.errors import UsageError

__all__ = ["name_sources", "plan", "split_arguments"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# host:port or host:port/path, as one types it when one forgets the scheme.
_BARE_HOST = re.compile(r"[\w.-]+:\d+(/.*)?")
# A slip in what should be ://
_SLIP = re.compile(r"(https?)[:;/]+(\w.*)", re.IGNORECASE)


def plan(
    arguments: Sequence[str], parts: Sequence[Part], name: str | None
) -> tuple[list[Source], Target | None]:
    """Find out what is to be sent, and where to.

    Args:
        arguments: Paths, or `-`, and perhaps a URL.
        parts: Of a form, which is sent in place of files.
        name: The last segment of the URL, in place of the file's name.

    Returns:
        The sources, each with a name if the URL lacks one, and the URL, if there is one.

    Raises:
        UsageError: That cannot be done; the message says what can.
    """
    paths, target = split_arguments(arguments)
    if parts:
        return [_form(parts, paths, target, name)], target
    if not paths:
        where = "" if target is None else f" to {target.shown}"
        raise UsageError(f"nothing to send{where}: name a file, or - for the standard input")
    return list(name_sources(paths, target, name)), target


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], Target | None]:
    """Tell the sources from the URL, which is the last argument if there is one.

    Raises:
        UsageError: There is a URL elsewhere, or one of another scheme.
    """
    if not arguments:
        return [], None
    *sources, last = arguments
    target = None
    scheme = _SCHEME.match(last)
    if scheme is None:
        sources.append(last)
        meant = _meant(last)
        if meant is not None and not os.path.exists(last):
            raise UsageError(f"{one_line(last)} is not a file; if it is a URL, write {meant}")
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
    return sources, target


def _meant(argument: str) -> str | None:
    """The URL that was probably meant, if it was one."""
    if _BARE_HOST.fullmatch(argument):
        return f"http://{one_line(argument)}"
    slip = _SLIP.fullmatch(argument)
    return None if slip is None else f"{slip[1].lower()}://{one_line(slip[2])}"


def name_sources(
    arguments: Sequence[str], target: Target | None, name: str | None
) -> list[FileSource]:
    """Give every source the name that its URL has to end with.

    Raises:
        UsageError: A name is missing, is there twice, or cannot be used.
    """
    if name is not None:
        _check_name(name, arguments, target)
    if target is not None and not target.is_directory and len(arguments) > 1:
        raise UsageError(
            f"{len(arguments)} files cannot all go to {target.shown}: end the URL with / to send "
            "each under its own name"
        )
    if arguments.count(STDIN) > 1:
        raise UsageError("the standard input can be sent only once")
    sources = [FileSource(argument, name or _name_of(argument, target)) for argument in arguments]
    _check_apart(sources)
    return sources


def _form(
    parts: Sequence[Part], paths: Sequence[str], target: Target | None, name: str | None
) -> FormSource:
    if paths:
        raise UsageError(
            f"with --form, all that is sent is named by it: write --form NAME=@{one_line(paths[0])}"
        )
    if target is None:
        raise UsageError("--form needs a URL: the receiver that is used without one takes no forms")
    if name is not None:
        raise UsageError("--name is for files that are sent as they are: write ;filename=NAME")
    if [part.value for part in parts if part.is_file].count(STDIN) > 1:
        raise UsageError("the standard input can be sent only once")
    return FormSource(parts)


def _check_apart(sources: Sequence[FileSource]) -> None:
    """Refuse two sources that would go to one place: the second would replace the first."""
    seen: dict[str, FileSource] = {}
    for source in sources:
        other = seen.setdefault(source.name, source)
        if other is not source:
            raise UsageError(
                f"{other.shown} and {source.shown} would both be sent as {one_line(source.name)}: "
                "send them to different places, one after the other"
            )


def _check_name(name: str, arguments: Sequence[str], target: Target | None) -> None:
    if len(arguments) > 1:
        raise UsageError("--name is for one file: several are sent under their own names")
    if target is not None and not target.is_directory:
        raise UsageError(f"--name is for a URL that ends with /; {target.shown} has a name")
    if "/" in name or name in {"", ".", ".."}:
        raise UsageError(f"--name {one_line(name)!r} is not the name of a file")


def _name_of(argument: str, target: Target | None) -> str:
    if argument != STDIN:
        return os.path.basename(argument.rstrip("/"))
    if target is None or target.is_directory:
        raise UsageError("the standard input has no name: add --name NAME")
    return ""

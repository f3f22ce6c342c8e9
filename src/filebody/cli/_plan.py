"""What the arguments mean: what is sent, under which names, and where to."""

from __future__ import annotations

import os
from collections.abc import Sequence

from filebody.cli._form import Part
from filebody.cli._secrets import shown_argument
from filebody.cli._sources import STDIN, FileSource, FormSource, Source
from filebody.cli._targets import Target
from filebody.cli._url import EMPTY, begins_as_url, is_misplaced_url, is_source, no_url, parse_url
from filebody.cli._words import one_line
from filebody.errors import UsageError

__all__ = ["name_sources", "plan", "plan_trial", "split_arguments"]


def plan(
    arguments: Sequence[str], parts: Sequence[Part], name: str | None, files: Sequence[str] = ()
) -> tuple[list[Source], Target]:
    """Find out what to send, and where to.

    Args:
        arguments: Paths, or `-`, and the URL.
        parts: Of a form, which is sent in place of files.
        name: The last segment of the URL, in place of the file's name.
        files: More paths, which are sent first.

    Returns:
        The sources, each with a name if the URL lacks one, and the URL.

    Raises:
        UsageError: The arguments make no sense; the message says what would.
    """
    if not arguments and not parts and not files:
        raise UsageError("nothing to send: name a file, or - for the standard input, and the URL")
    if parts and arguments and is_source(arguments[-1]):
        raise _not_in_form(arguments[-1])
    paths, target = split_arguments(arguments)
    if "" in files:
        raise UsageError(EMPTY)
    paths = [*files, *paths]
    if parts:
        return [_form(parts, paths, name)], target
    if not paths:
        raise UsageError(
            f"nothing to send to {target.shown}: name a file, or - for the standard input"
        )
    return list(name_sources(paths, target, name)), target


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], Target]:
    """Split the arguments into sources and the URL, which is the last one.

    Raises:
        UsageError: The last one is no URL, or another one is.
    """
    if not arguments:
        raise no_url("")
    *sources, last = arguments
    wrong = next((source for source in sources if is_misplaced_url(source)), None)
    if wrong is not None and not begins_as_url(last):
        raise UsageError(f"{shown_argument(wrong)}: the URL goes last, after the files")
    if wrong is not None:
        raise UsageError(f"{shown_argument(wrong)}: there can be one URL only, after the files")
    if "" in sources:
        raise UsageError(EMPTY)
    return sources, parse_url(last)


def plan_trial(arguments: Sequence[str], name: str | None) -> list[Source]:
    """Find out what to send to a receiver of our own.

    Args:
        arguments: Paths, or `-`.
        name: The name to store it under, in place of the file's.

    Raises:
        UsageError: The arguments make no sense; the message says what would.
    """
    if not arguments:
        raise UsageError("nothing to try: name a file, or - for the standard input")
    for argument in arguments:
        if argument == "":
            raise UsageError(EMPTY)
        if is_misplaced_url(argument):
            raise UsageError(
                f"{shown_argument(argument)}: filebody try takes no URL, it stores files in "
                "./received; to send there, write filebody send"
            )
    return list(name_sources(arguments, None, name))


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
    sources = [
        FileSource(argument, _name_of(argument, target) if name is None else name)
        for argument in arguments
    ]
    _check_apart(sources)
    return sources


def _form(parts: Sequence[Part], paths: Sequence[str], name: str | None) -> FormSource:
    if paths:
        raise _not_in_form(paths[0])
    if name is not None:
        raise UsageError("--name is for files that are sent as they are: write ;filename=NAME")
    if [part.value for part in parts if part.is_file].count(STDIN) > 1:
        raise UsageError("the standard input can be sent only once")
    return FormSource(parts)


def _not_in_form(path: str) -> UsageError:
    return UsageError(
        f"with --form, all that is sent is named by it: write --form NAME=@{one_line(path)}, "
        "and then the URL"
    )


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
    if "/" in name or name in {".", ".."} or (target is None and not name):
        raise UsageError(f"--name {one_line(name)!r} is not the name of a file")


def _name_of(argument: str, target: Target | None) -> str:
    if argument != STDIN:
        return os.path.basename(argument.rstrip("/"))
    if target is None or target.is_directory:
        raise UsageError("the standard input has no name: add --name NAME")
    return ""

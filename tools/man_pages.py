"""Manual pages, made from what the command says of itself.

Run as a program it writes them into a directory: `python tools/man_pages.py docs/_build/man`.
Hatchling runs it as a build hook and puts the pages into the wheel, under `share/man/man1`.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCES = str(Path(__file__).resolve().parent.parent / "src")
_HEADING = re.compile(r"^(\S.*):$")


class ManPages(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the manual pages to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """See `BuildHookInterface.initialize`."""
        self._directory = tempfile.TemporaryDirectory()
        for path in write_pages(Path(self._directory.name)):
            build_data["shared_data"][str(path)] = f"share/man/man1/{path.name}"

    def finalize(self, *_: object) -> None:
        """See `BuildHookInterface.finalize`."""
        self._directory.cleanup()


def write_pages(directory: Path) -> list[Path]:
    """Write a page for the command and for each of its commands; returns their paths."""
    if _SOURCES not in sys.path:
        sys.path.insert(0, _SOURCES)
    root = import_module("filebody.cli._commands")._filebody
    version = import_module("filebody._version").__version__
    directory.mkdir(parents=True, exist_ok=True)
    pages = dict(_pages(root, "filebody", None))
    paths = []
    for name, (title, lines) in pages.items():
        others = sorted(other for other in pages if other != name)
        see = ", ".join(f"\\fB{_text(other)}\\fR(1)" for other in others)
        head = f'.TH {name.upper()} 1 "" "filebody {version}" "User Commands"'
        page = [head, ".SH NAME", f"{_text(name)} \\- {_text(title)}", *lines, ".SH SEE ALSO", see]
        path = directory / f"{name}.1"
        path.write_text("\n".join(page) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def _pages(command: Any, name: str, parent: Any) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """Name, title and lines of the page of a command and of each one below it."""
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    below = {
        each: command.get_command(context, each)
        for each in getattr(command, "list_commands", lambda _: [])(context)
    }
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [".SH SYNOPSIS", f"\\fB{_text(context.command_path)}\\fR {_text(usage)}"]
    lines += [".SH DESCRIPTION", *_paragraphs(command.help)]
    lines += _blocks(getattr(command, "examples", ""))
    if below:
        lines.append(".SH COMMANDS")
        for each, other in below.items():
            lines += [".TP", f"\\fB{_text(each)}\\fR", _text(other.get_short_help_str(200))]
    lines += _options(command, context)
    lines += _blocks(command.epilog or "")
    page = context.command_path.replace(" ", "-")
    yield page, (command.get_short_help_str(200).rstrip("."), lines)
    for each, other in below.items():
        yield from _pages(other, each, context)


def _options(command: Any, context: Any) -> Iterator[str]:
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.param_type_name == "option":
            name = getattr(parameter, "section", "What is shown")
            sections.setdefault(name, []).append(record)
    yield ".SH OPTIONS"
    for name, records in sections.items():
        yield f".SS {_text(name)}"
        for names, words in records:
            yield from (".TP", f"\\fB{_text(names.replace(' [=', '[='))}\\fR", _text(words))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield from (".PP", _text(" ".join(paragraph.split())))


def _blocks(text: str) -> Iterator[str]:
    """Text that is laid out by hand, under headings that end with a colon."""
    is_open = False
    for line in text.replace("\b", "").splitlines():
        heading = _HEADING.match(line)
        if heading is not None:
            if is_open:
                yield ".fi"
            yield from (f".SH {_text(heading[1]).upper()}", ".nf")
            is_open = True
        elif line.strip() and is_open:
            yield _text(line)
        elif line.strip():
            yield from (".PP", _text(line))
    if is_open:
        yield ".fi"


def _text(text: str) -> str:
    r"""Escape what roff would take for its own: backslashes, hyphens, a leading `.` or `'`."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{text}" if text.startswith(".") else text


if __name__ == "__main__":
    for written in write_pages(Path(sys.argv[1])):
        print(written)

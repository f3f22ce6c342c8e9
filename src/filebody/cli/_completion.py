"""Completion at a shell's prompt: file names, directories and the IDs of unfinished uploads."""

from __future__ import annotations

import os
import re
from typing import Any, ClassVar, Final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

__all__ = ["directories", "files", "form_parts", "install", "sources", "upload_ids"]

# Values of COMP_TYPE for which bash lists candidates and inserts at most what they share. For
# others it may insert a candidate as it is, where a description would be in the way.
_LISTING: Final = frozenset({"63", "33", "64"})
_SPECIAL: Final = re.compile(r"[^\w@%+=:,./~-]")


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Complete the name of a file, as the shell does."""
    return [CompletionItem(incomplete, type="file")]


def directories(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Complete the name of a directory, as the shell does."""
    return [CompletionItem(incomplete, type="dir")]


def sources(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Complete the name of a file; a URL has no completion."""
    return [] if "://" in incomplete else files(context, parameter, incomplete)


def form_parts(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the file's name in NAME=@FILE."""
    name, mark, path = incomplete.partition("=@")
    return [CompletionItem(f"{name}=@{found}") for found in _paths(path)] if mark else []


def _paths(incomplete: str, *, directories_only: bool = False) -> list[str]:
    """List the paths that begin so, in order; a directory ends with a slash.

    A shell completes paths only where a word is nothing else.
    """
    beginning = os.path.basename(incomplete)
    where = incomplete[: len(incomplete) - len(beginning)]
    try:
        with os.scandir(os.path.expanduser(where) or ".") as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return []
    return [
        f"{where}{name}{'/' if is_directory else ''}"
        for name, is_directory in found
        if name.startswith(beginning) and (beginning or not name.startswith("."))
        if is_directory or not directories_only
    ]


def upload_ids(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the ID of an unfinished upload; the description says of which."""
    from filebody.cli._uploads import described_uploads  # noqa: PLC0415 - it imports the engine

    chosen = context.params.get("names") or ()
    try:
        described = described_uploads()
    except OSError:  # the state directory cannot be read: the command itself says so
        return []
    return [
        CompletionItem(upload_id, help=words)
        for upload_id, words in described
        if upload_id.startswith(incomplete.lower()) and upload_id not in chosen
    ]


class _WithOption(ShellComplete):
    """Completes the value in `--option=value`, which click takes for the whole word."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """See `click.shell_completion.ShellComplete`."""
        items = super().get_completions(args, incomplete)
        option, mark, value = incomplete.partition("=")
        if not option.startswith("--") or not mark:
            return items
        completed = []
        for item in items:
            is_path = item.type in {"file", "dir"}
            values = _paths(value, directories_only=item.type == "dir") if is_path else [item.value]
            completed += [CompletionItem(f"{option}={value}", help=item.help) for value in values]
        return completed


class _Bash(_WithOption, BashComplete):
    """Completion for bash with what click's lacks: descriptions, and words with `=`, `@` or `:`."""

    source_template: ClassVar[str] = BashComplete.source_template.replace(
        "COMP_CWORD=$COMP_CWORD",
        'COMP_CWORD=$COMP_CWORD COMP_LINE="$COMP_LINE" COMP_POINT=$COMP_POINT COMP_TYPE=$COMP_TYPE',
    ).replace("read type value", "read -r type value")

    def get_completion_args(self) -> tuple[list[str], str]:
        """See `click.shell_completion.ShellComplete`.

        The words are those of the line: COMP_WORDS is split at `=`, `@` and `:` as well.
        """
        line = os.environb.get(b"COMP_LINE", b"")[: int(os.environ.get("COMP_POINT", "0"))]
        words = split_arg_string(os.fsdecode(line))
        command = split_arg_string(os.environ["COMP_WORDS"])[0]
        if command not in words:  # it is quoted, or the script is click's own
            return super().get_completion_args()
        words = words[words.index(command) + 1 :]
        return (words, "") if line[-1:].isspace() or not words else (words[:-1], words[-1])

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """See `click.shell_completion.ShellComplete`."""
        items = super().get_completions(args, incomplete)
        lists = len(items) > 1 and os.environ.get("COMP_TYPE") in _LISTING
        # Bash replaces only what stands after the last of its word breaks, or from an @ on.
        kept = max(incomplete.rfind("=") + 1, incomplete.rfind(":") + 1, incomplete.rfind("@"))
        kept = max(kept, 0)
        return [
            CompletionItem(
                _SPECIAL.sub(r"\\\g<0>", item.value[kept:])
                + (f"  ({item.help})" if lists and item.help else ""),
                item.type,
            )
            for item in items
        ]


class _Fish(_WithOption, FishComplete):
    """Completion for fish that keeps commas in values and descriptions."""

    source_template: ClassVar[str] = FishComplete.source_template.replace(
        'string split ","', 'string split -m 1 ","'
    )


class _Zsh(_WithOption, ZshComplete):
    """Completion for zsh."""


def install() -> None:
    """Make click use the shells of this module."""
    add_completion_class(_Bash)
    add_completion_class(_Fish)
    add_completion_class(_Zsh)

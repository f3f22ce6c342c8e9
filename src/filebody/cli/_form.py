"""What `--form` says, as curl's does: NAME=VALUE, NAME=@FILE, NAME=<FILE."""

from __future__ import annotations

import re

import attrs

from filebody.cli._words import one_line
from filebody.errors import UsageError

__all__ = ["Part", "parse_part"]

_PARAMETER = re.compile(r"[ \t]*;[ \t]*(type|filename|headers|encoder)=", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"[ \t]*(?=;|$)', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')


@attrs.frozen
class Part:
    """One field of a form.

    Attributes:
        name: Of the field.
        value: Text, or the path of a file, or `-`.
        is_file: Whether the value is a path.
        filename: What the file is to be called; None for its own name, or none if it is text.
        content_type: Its type; None for what follows from the file's name.
        is_text: Whether it is to arrive as text, though it comes from a file.
    """

    name: str
    value: str
    is_file: bool = False
    filename: str | None = None
    content_type: str | None = None
    is_text: bool = False


def parse_part(text: str) -> Part:
    r"""Read what was given to `--form`.

    A value and a file's name may be in double quotes, in which `\"` and `\\` stand for `"` and
    `\`; without them they end where `;type=` or `;filename=` begins, or blanks before it.

    Raises:
        UsageError: It is no field.
    """
    shown = one_line(text.partition("=")[0])
    name, equals, rest = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--form {shown}: write NAME=VALUE, or NAME=@FILE to send a file")
    mark = rest[:1] if rest[:1] in {"@", "<"} else ""
    value, rest = _word(rest.removeprefix(mark).lstrip(" \t") if mark else rest)
    given: dict[str, str] = {}
    while rest:
        parameter = _PARAMETER.match(rest)
        if parameter is None:
            raise UsageError(
                f"--form {shown}: only ;type=TYPE and ;filename=NAME can follow, not "
                f"{one_line(rest)!r}"
            )
        key = parameter[1].lower()
        given[key], rest = _word(rest[parameter.end() :])
    for key in ("headers", "encoder"):
        if key in given:
            raise UsageError(f"--form {shown}: filebody has no ;{key}=, only ;type= and ;filename=")
    if mark and not value:
        raise UsageError(f"--form {shown}: there is no file after {mark}; write {shown}={mark}FILE")
    is_text = mark == "<" and "filename" not in given
    return Part(
        name=name,
        value=value,
        is_file=bool(mark),
        filename=given.get("filename"),
        content_type=given.get("type"),
        is_text=is_text,
    )


def _word(text: str) -> tuple[str, str]:
    """The first word, and what follows it."""
    quoted = _QUOTED.match(text)
    if quoted is not None:
        return _ESCAPED.sub(r"\1", quoted[1]), text[quoted.end() :]
    parameter = _PARAMETER.search(text)
    end = len(text) if parameter is None else parameter.start()
    return text[:end], text[end:]

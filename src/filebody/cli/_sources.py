"""Where from: files, the standard input, and forms of both."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import attrs

from filebody.body import (
    Body,
    ConcatBody,
    FileBody,
    FormField,
    MultipartBody,
    PathBody,
    open_regular,
)
from filebody.cli._form import Part
from filebody.cli._load import Load
from filebody.cli._words import one_line
from filebody.errors import BodyReadError, UsageError

__all__ = ["STDIN", "FileSource", "FormSource", "Source"]

STDIN = "-"


@attrs.frozen
class FileSource:
    """A file, or the standard input.

    Attributes:
        argument: As it was given: a path, or `-` for the standard input.
        name: The last segment of its URL, if it has to have one.
    """

    argument: str
    name: str

    @property
    def shown(self) -> str:
        """The name for people."""
        return "<stdin>" if self.reads_stdin else one_line(self.argument)

    @property
    def reads_stdin(self) -> bool:
        """Whether it is the standard input."""
        return self.argument == STDIN

    def load(self, *, coding: str | None, allow_changes: bool, stdin: Body | None = None) -> Load:
        """Describe what to send, after a look at whether it can be read.

        Args:
            coding: How to compress it, or None.
            allow_changes: Whether files may change while they are sent.
            stdin: The standard input, if it was looked into; else it is sent as it is.

        Raises:
            BodyReadError: It cannot be read.
            UsageError: The coding's library is not installed.
        """
        return Load(body_of(self.argument, stdin, allow_changes=allow_changes), coding=coding)


@attrs.frozen
class FormSource:
    """A form, with files or without.

    Attributes:
        parts: What it is made of.
        name: Empty: it goes to a URL that is complete.
    """

    parts: Sequence[Part]
    name: str = ""

    @property
    def argument(self) -> str:
        """What stands for it in JSON: a value may be a secret."""
        return self.shown

    @property
    def shown(self) -> str:
        """The name for people."""
        files = [part.value for part in self.parts if part.is_file and not part.is_text]
        if len(files) == 1:
            return f"a form with {'<stdin>' if files[0] == STDIN else one_line(files[0])}"
        return f"a form with {len(files)} files" if files else "a form"

    @property
    def reads_stdin(self) -> bool:
        """Whether the standard input is in it."""
        return any(part.is_file and part.value == STDIN for part in self.parts)

    def load(self, *, coding: str | None, allow_changes: bool, stdin: Body | None = None) -> Load:
        """See `FileSource.load`."""
        fields = (_field(part, stdin, allow_changes=allow_changes) for part in self.parts)
        body = MultipartBody(fields)
        return Load(body, form_type=body.content_type, coding=coding)


Source = FileSource | FormSource


def _field(part: Part, stdin: Body | None, *, allow_changes: bool) -> FormField:
    filename = part.filename
    value: bytes | Body
    if not part.is_file:
        value = os.fsencode(part.value)  # the bytes that were typed, whatever they mean
    elif part.is_text:
        value = ConcatBody(
            body_of(part.value, stdin, allow_changes=allow_changes)
        )  # not a path's name
    else:
        value = body_of(part.value, stdin, allow_changes=allow_changes)
        if filename is None:
            # A server sees by the name that it is a file; curl calls the standard input so, too.
            filename = os.path.basename(part.value)
    try:
        return FormField(part.name, value, filename, part.content_type)
    except UsageError as error:
        raise UsageError(f"--form {one_line(part.name)}: {error}") from error


def body_of(argument: str, stdin: Body | None = None, *, allow_changes: bool) -> Body:
    """The body of a path or `-`, after a look: no server is to be bothered with a wrong name.

    Raises:
        BodyReadError: It cannot be read.
    """
    if argument == STDIN:
        if stdin is not None:
            return stdin
        if sys.stdin is None:
            raise BodyReadError("<stdin>", 0, OSError("the standard input is closed"))
        return FileBody(sys.stdin.buffer, close=True, allow_changes=allow_changes)
    try:
        body = PathBody(argument, allow_changes=allow_changes)
        if body.replayable:
            os.close(open_regular(body.path))
    except UsageError as error:
        is_directory = os.path.isdir(argument)
        reason = "it is a directory" if is_directory else str(error)
        cause = OSError(errno.EISDIR if is_directory else errno.EINVAL, reason)
        raise BodyReadError(argument, 0, cause) from error
    except BodyReadError:
        raise
    except OSError as error:
        raise BodyReadError(argument, 0, error) from error
    return body

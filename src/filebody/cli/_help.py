"""How `--help` is laid out, and the options that both commands have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from filebody.cli._words import duration, parse_duration
from filebody.errors import UsageError

__all__ = ["ENVIRONMENT", "Option", "Sectioned", "option", "parsed", "seconds", "shown", "token"]

_F = TypeVar("_F", bound=Callable[..., Any])

ENVIRONMENT = """\b
Environment:
  FILEBODY_TOKEN   the token, so that it does not show in lists of processes
  NO_COLOR         no colors, when set to anything
"""

_LAST_SECTION = "What is shown"


class Option(click.Option):
    """An option that is listed with those of its kind.

    Args:
        *args: As for any option.
        section: The heading under which it is listed.
        **kwargs: As for any option.
    """

    def __init__(self, *args: Any, section: str = _LAST_SECTION, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class Sectioned(click.Command):
    """Shows examples first, and lists its options by section, as these came first.

    Args:
        *args: As for any command.
        examples: In the way of click's epilogs.
        **kwargs: As for any command.
    """

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See `click.Command.format_options`."""
        formatter.write_paragraph()
        formatter.write_text(self.examples)
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, click.Option) and record is not None:
                name = getattr(parameter, "section", _LAST_SECTION)
                # An argument that can be left out is written without a space.
                sections.setdefault(name, []).append((record[0].replace(" [=", "[="), record[1]))
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


option = partial(click.option, cls=Option)


def parsed(parse: Callable[[str], object]) -> Callable[..., object]:
    """Make a callback for an option out of a function that raises `UsageError` for bad values."""

    def read(context: click.Context, parameter: click.Parameter, value: str | None) -> object:
        try:
            return None if value is None else parse(value)
        except UsageError as error:
            raise click.BadParameter(str(error), context, parameter) from error

    return read


def seconds(name: str, default: float | None, text: str, section: str) -> Callable[[_F], _F]:
    """An option that takes a duration; `default` is in seconds."""
    return option(
        name,
        callback=parsed(parse_duration),
        metavar="TIME",
        default=None if default is None else duration(default),
        show_default=True,
        help=text,
        section=section,
    )


def shown(command: _F) -> _F:
    """The options of both commands that are about what is shown."""
    for add in (
        option("--debug", is_flag=True, help="Show what is logged, and tracebacks."),
        option("--json", "as_json", is_flag=True, help="Results as JSON, one a line."),
        option("-q", "--quiet", is_flag=True, help="Errors only."),
    ):
        command = add(command)
    return command


def token(section: str) -> Callable[[_F], _F]:
    """The options of both commands for the token, which is best kept out of the command line."""

    def add(command: _F) -> _F:
        command = option(
            "--token-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="File that has the token in it.",
            section=section,
        )(command)
        return option(
            "--token",
            metavar="TOKEN",
            envvar="FILEBODY_TOKEN",
            help="Secret that sender and receiver share; others on this machine can see it here: "
            "better in FILEBODY_TOKEN, or --token-file.",
            section=section,
        )(command)

    return add

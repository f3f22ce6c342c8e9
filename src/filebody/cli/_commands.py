"""The command as a whole: its commands, and what becomes of what goes wrong in them."""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from filebody._version import __version__
from filebody.cli import is_json
from filebody.cli._completion import install
from filebody.cli._exit import ExitCode, exit_code_of
from filebody.cli._facts import command_failed
from filebody.cli._screen import Screen
from filebody.errors import FilebodyError

__all__ = ["run"]

_OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EPIPE, errno.EFBIG})

_INTERRUPTED = "interrupted before anything was sent"

_EXAMPLES = """\b
Examples:
  filebody try movie.mp4                      try it: into ./received, by a
                                              receiver of its own
  filebody receive inbox                      receive into the directory inbox
  filebody send movie.mp4 http://host:8080/   send there, as movie.mp4
  filebody uploads                            what was begun and not finished
  filebody send --help                        all that can be done, with examples
"""


# Where each command is; only the one that is given is imported.
_COMMANDS = {
    "receive": ("filebody.cli._receive_command", "receive"),
    "send": ("filebody.cli._send_command", "send"),
    "try": ("filebody.cli._try_command", "try_files"),
    "uploads": ("filebody.cli._uploads_command", "uploads"),
}


class _Commands(click.Group):
    """Imports the command that is given, and suggests what was probably meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in _COMMANDS:
            import difflib  # noqa: PLC0415 - few mistype it

            near = difflib.get_close_matches(cmd_name, _COMMANDS, 1, 0.5)
            hint = (
                f"did you mean {near[0]}?" if near else "there are send, receive, uploads and try"
            )
            raise click.UsageError(f"there is no command {cmd_name!r}: {hint}", ctx)
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
    epilog=_EXAMPLES,
)
@click.version_option(
    __version__, "-V", "--version", prog_name="filebody", message="%(prog)s %(version)s"
)
@click.pass_context
def _filebody(context: click.Context) -> None:
    """Send files over HTTP, and receive them.

    Files are streamed, whatever their size. What is sent is compared with what has arrived; a
    file that changes on the way is never taken for a success.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run the command; whatever goes wrong becomes one line, and one object with `--json`."""
    screen = Screen()
    install()
    try:
        result = _filebody.main(list(arguments), prog_name="filebody", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.OK
    except Exception as error:
        if _is_about_output(error):
            raise
        line, code = _told(error, arguments)
    except KeyboardInterrupt:
        line, code = _INTERRUPTED, 128 + signal.SIGINT
    screen.error(line)
    if is_json(arguments):
        screen.out_json(command_failed(line, code))
    return code


def _told(error: Exception, arguments: Sequence[str]) -> tuple[str, int]:
    """The line about an exception, and the exit code."""
    match error:
        case click.ClickException():
            context = getattr(error, "ctx", None)
            path = context.command_path if context is not None else _path_of(arguments)
            said = error.format_message().rstrip(".")
            return f"{said} (see {path} --help)", ExitCode.USAGE
        case FilebodyError():
            return str(error), exit_code_of(error)
        case click.Abort():
            return _INTERRUPTED, 128 + signal.SIGINT
    return _told_bug(error, arguments), ExitCode.BUG


def _is_about_output(error: Exception) -> bool:
    """Whether help could not be printed: click writes it, and no file has a part in that."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT_ERRORS


def _path_of(arguments: Sequence[str]) -> str:
    """What to ask for help: click does not say it of an option that lacks its argument."""
    commands = [word for word in arguments[:1] if word in _COMMANDS]
    return " ".join(["filebody", *commands])


def _told_bug(error: Exception, arguments: Sequence[str]) -> str:
    if "--debug" in arguments:
        sys.excepthook(type(error), error, error.__traceback__)
    return (
        f"a fault in filebody {__version__}: {type(error).__name__}: "
        f"{error}; run the same with --debug for what to report"
    )

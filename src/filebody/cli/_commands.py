"""What can be typed: commands, options, and the text of `--help`."""

from __future__ import annotations

import difflib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from filebody.cli._exit import ExitCode, exit_code_of
from filebody.cli._show import Screen
from filebody.cli._words import LONGEST_SECONDS, checked_seconds, one_line, parse_size
from filebody.errors import FilebodyError, UsageError

__all__ = ["run"]

_F = TypeVar("_F", bound=Callable[..., Any])

# The first one is what --compress alone means.
_CODINGS = ("gzip", "zstd")

_EXAMPLES = """\b
Examples:
  filebody send movie.mp4                       try it: into ./received, by a
                                                receiver of its own
  filebody receive inbox                        receive into the directory inbox
  filebody send movie.mp4 http://host:8080/     send there, as movie.mp4
  filebody send *.log https://host/logs/        several, each under its name
  tar c photos | filebody send - --name photos.tar http://host:8080/
"""

_EXIT_CODES = """\b
Exit codes (of the first file that failed):
  0    everything was sent, and is what was sent
  2    the command line is wrong
  22   the server answered 400 or more, or a redirect that is not followed
  26   a source could not be read, or changed while it was being sent
  28   something took too long; the message says what
  55   no connection, or it was lost; no such host; TLS failed
  65   the server has other bytes than were sent
  70   a fault in filebody itself
  130  stopped by Ctrl-C (143 by SIGTERM, 129 by SIGHUP)
"""

_RECEIVE_EXIT_CODES = """\b
Exit codes:
  0    stopped by Ctrl-C or SIGTERM, and no transfer was cut off
  2    the command line is wrong, or the address or directory cannot be used
  70   a fault in filebody itself
  130  stopped by Ctrl-C, and transfers were cut off (143 by SIGTERM, 129 by SIGHUP)
"""

_ENVIRONMENT = """\b
Environment:
  FILEBODY_TOKEN   the token, so that it does not show in lists of processes
  NO_COLOR         no colors, when set to anything
"""

_PROXY_ENVIRONMENT = """\
  HTTPS_PROXY, http_proxy, ALL_PROXY   send's proxies for https://, http:// and both
  NO_PROXY         hosts, domains and networks that need none, with commas; * for all
"""


class _Commands(click.Group):
    """Suggests what was probably meant."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            near = difflib.get_close_matches(cmd_name, self.list_commands(ctx), 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else "there are send and receive"
            raise click.UsageError(f"there is no command {cmd_name!r}: {hint}", ctx)
        return command


class _Send(click.Command):
    """Lets the coding of `--compress` be left out, which click would take from what follows."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        for at, argument in enumerate(args[:end]):
            if argument == "--compress" and args[at + 1 : at + 2] not in [[c] for c in _CODINGS]:
                args[at] = f"--compress={_CODINGS[0]}"
        return super().parse_args(ctx, args)


def _seconds(name: str, default: float | None, text: str) -> Callable[[_F], _F]:
    return click.option(
        name,
        type=float,
        metavar="SECONDS",
        default=default,
        show_default=True,
        help=text,
    )


def _shared(command: _F) -> _F:
    """The options that both commands have."""
    for option in (
        click.option("--debug", is_flag=True, help="Show what is logged, and tracebacks."),
        click.option("--json", "as_json", is_flag=True, help="Results as JSON, one a line."),
        click.option("-q", "--quiet", is_flag=True, help="Errors only."),
        click.option(
            "--token",
            metavar="TOKEN",
            envvar="FILEBODY_TOKEN",
            help="Secret that sender and receiver share (better: set FILEBODY_TOKEN).",
        ),
    ):
        command = option(command)
    return command


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
    epilog=f"{_EXAMPLES}\n{_EXIT_CODES}\n{_ENVIRONMENT}",
)
@click.version_option(package_name="filebody", prog_name="filebody", message="%(prog)s %(version)s")
@click.pass_context
def _filebody(context: click.Context) -> None:
    """Send files over HTTP, and receive them.

    Files are streamed, whatever their size. What is sent is compared with what has arrived; a
    file that changes on the way is never taken for a success.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@_filebody.command(
    cls=_Send,
    epilog=f"{_EXAMPLES}\n{_EXIT_CODES}\n{_ENVIRONMENT}{_PROXY_ENVIRONMENT}",
    no_args_is_help=False,
)
@click.argument("arguments", nargs=-1, metavar="SOURCE... [URL]")
@click.option(
    "-X",
    "--request",
    "method",
    type=click.Choice(["PUT", "POST", "PATCH"], case_sensitive=False),
    metavar="METHOD",
    help="PUT, POST or PATCH.  [default: PUT; POST with --form]",
)
@click.option(
    "-F",
    "--form",
    multiple=True,
    metavar="NAME=@FILE",
    help="Send a form with this file (- for the standard input), or with text: NAME=VALUE. Add "
    "';type=TYPE' or ';filename=NAME' as needed. Give it once for each field.",
)
@click.option(
    "--compress",
    type=click.Choice(_CODINGS),
    metavar="[=CODING]",
    help="Compress what is sent on the way: gzip unless =zstd is added. The server must know it.",
)
@click.option("--name", metavar="NAME", help="Name to append to a URL that ends with /.")
@click.option(
    "-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Header field to add."
)
@click.option(
    "--cacert",
    type=click.Path(path_type=Path),
    help="PEM file of the authorities to trust, in place of the system's.",
)
@click.option("--insecure", is_flag=True, help="Trust any certificate.")
@click.option(
    "--proxy",
    metavar="URL",
    help="http://host:port of the proxy to go through; '' for none. With a password it is better "
    "in the environment.  [default: as the environment says]",
)
@click.option(
    "--limit-rate",
    metavar="RATE",
    help="Most bytes per second, of all files together: 500K, 10M, 1.5G (powers of 1024).",
)
@click.option(
    "--max-redirects",
    type=int,
    metavar="N",
    default=10,
    show_default=True,
    help="How many redirects to follow for a file; 0 for none. Credentials go to no other host.",
)
@click.option(
    "--retry",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    help="Try a file again so often when there is no connection, it is lost, or the answer is 408, "
    "425, 429, 500, 502, 503 or 504; after 1 s, 2 s, 4 s, or what the server asks for. With POST "
    "and PATCH, too, which a server may then do twice. Pipes cannot be sent again.",
)
@_seconds("--connect-timeout", 30, "For finding the host and connecting; as long again for TLS.")
@_seconds(
    "--expect100-timeout",
    1,
    "For the server to say that it wants a body of more than 1 MiB or of unknown length; then it "
    "is sent all the same. 0 does not ask.",
)
@_seconds("--stall-timeout", 60, "How long the server may take nothing, or pause in its answer.")
@_seconds("--response-timeout", 300, "From the last byte to the beginning of the answer.")
@_seconds("--max-time", None, "For all of a file, retries too.  [default: none]")
@click.option("--allow-changes", is_flag=True, help="Send a file although it changes meanwhile.")
@click.option("--fail-early", is_flag=True, help="Stop at the first file that fails.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show on standard error what happens: connections, requests (>) and answers (<), without "
    "credentials.",
)
@_shared
def send(**given: Any) -> int:
    """Send files to a URL.

    SOURCE is a file, or - for the standard input. URL begins with http:// or https://; if it ends
    with / each file's name is appended. Without a URL the files go to ./received, by a receiver
    that runs for as long as it takes.

    A timeout of 0 means none. Files to the same host share a connection.
    """
    from filebody.cli._loop import run as run_loop  # noqa: PLC0415 - only for what is done
    from filebody.cli._options import send_options  # noqa: PLC0415 - only for what is done
    from filebody.cli._send import Sending  # noqa: PLC0415 - only for what is done

    screen = Screen()
    options = send_options(given, warn=screen.err)
    sending = Sending(options, screen)
    return run_loop(
        sending.run, on_signal=sending.on_signal, on_log=_say_nothing, debug=given["debug"]
    )


def _say_nothing(sentence: str) -> None:
    """What goes wrong in a send is told as its result."""


@_filebody.command(epilog=f"{_RECEIVE_EXIT_CODES}\n{_ENVIRONMENT}")
@click.argument("directory")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all."
)
@click.option(
    "-p", "--port", type=int, default=8080, show_default=True, help="Port; 0 for a free one."
)
@click.option("--max-size", metavar="SIZE", help="Longest file to accept, such as 10M or 2GiB.")
@click.option("--overwrite", is_flag=True, help="Let uploads replace files of the same name.")
@click.option("--insecure", is_flag=True, help="Listen beyond this machine without a token.")
@click.option(
    "--cert", type=click.Path(path_type=Path), help="PEM file of the certificate: turns on TLS."
)
@click.option("--key", type=click.Path(path_type=Path), help="PEM file of its private key.")
@_seconds("--idle-timeout", 60, "How long a client may send nothing.")
@_seconds("--grace", 10, "How long transfers may go on after Ctrl-C.")
@click.option(
    "--max-connections", type=int, default=1000, show_default=True, help="Served at a time."
)
@_shared
def receive(**given: Any) -> int:
    """Receive files into DIRECTORY, until Ctrl-C.

    Prints a line for each transfer. Files appear under their names only when they are whole.
    After Ctrl-C the transfers under way may finish; a second Ctrl-C aborts them.

    Sizes: 10M and 10MiB are 10 * 1024 * 1024 bytes, 10MB is 10,000,000.
    """
    from filebody.cli._loop import run as run_loop  # noqa: PLC0415 - only for what is done
    from filebody.cli._receive import Receiving  # noqa: PLC0415 - only for what is done
    from filebody.receiver import ReceiverConfig  # noqa: PLC0415 - only for what is done

    if given["directory"] == "":
        raise UsageError("the directory has no name: give one, or . for this one")
    screen = Screen()
    config = ReceiverConfig(
        directory=given["directory"],
        host=given["host"],
        port=given["port"],
        max_size=parse_size(given["max_size"]) if given["max_size"] is not None else None,
        overwrite=given["overwrite"],
        token=given["token"],
        insecure=given["insecure"],
        cert=given["cert"],
        key=given["key"],
        idle_timeout_seconds=checked_seconds("--idle-timeout", given["idle_timeout"])
        or LONGEST_SECONDS,
        max_connections=given["max_connections"],
        grace_seconds=checked_seconds("--grace", given["grace"]),
    )
    receiving = Receiving(config, screen, quiet=given["quiet"], as_json=given["as_json"])
    return run_loop(
        receiving.run, on_signal=receiving.on_signal, on_log=screen.error, debug=given["debug"]
    )


def run(arguments: Sequence[str]) -> int:
    """Run the command; whatever goes wrong becomes one line and an exit code."""
    screen = Screen()
    try:
        result = _filebody.main(list(arguments), prog_name="filebody", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.OK
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else _path_of(arguments)
        screen.error(f"{one_line(error.format_message()).rstrip('.')} (see {path} --help)")
        return ExitCode.USAGE
    except FilebodyError as error:
        screen.error(str(error))
        return exit_code_of(error)
    except (KeyboardInterrupt, click.Abort):
        screen.error("interrupted before anything was sent")
        return 128 + signal.SIGINT
    except Exception as error:  # noqa: BLE001 - the last place where it can be told in a line
        return _tell_bug(screen, error, arguments)


def _path_of(arguments: Sequence[str]) -> str:
    """What to ask for help: click does not say it of an option that lacks its argument."""
    commands = [word for word in arguments[:1] if word in _filebody.commands]
    return " ".join(["filebody", *commands])


def _tell_bug(screen: Screen, error: Exception, arguments: Sequence[str]) -> int:
    from importlib.metadata import version  # noqa: PLC0415 - takes longer than all of --help

    if "--debug" in arguments:
        sys.excepthook(type(error), error, error.__traceback__)
    screen.error(
        f"a fault in filebody {version('filebody')}: {type(error).__name__}: "
        f"{error}; run the same with --debug for what to report"
    )
    return ExitCode.BUG

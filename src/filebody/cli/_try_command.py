"""The command line of `filebody try`."""

from __future__ import annotations

from typing import Any

import click

from filebody.cli._completion import files
from filebody.cli._help import option, shown
from filebody.cli._screen import Screen
from filebody.cli._sending_options import (
    CONTENT,
    LooseCompress,
    allow_changes,
    compress,
    fail_early,
    limit_rate,
    verbose,
)

__all__ = ["try_files"]

_EXAMPLES = """\b
Examples:
  filebody try movie.mp4                      store it as received/movie.mp4
  filebody try --compress --limit-rate 2M *.log
"""


@click.command(
    "try",
    cls=LooseCompress,
    short_help="Send files to ./received, without a server.",
    examples=_EXAMPLES,
    epilog="Exit codes are those of filebody send.",
)
@click.argument("arguments", nargs=-1, metavar="FILE...", shell_complete=files)
@compress
@option(
    "--name",
    metavar="NAME",
    section=CONTENT,
    help="Name to store one file under, in place of its own.",
)
@allow_changes
@limit_rate
@fail_early
@verbose
@shown
def try_files(**given: Any) -> int:
    """Try it out: send files to the directory ./received of this machine.

    A receiver runs for as long as that takes, and the files go to it over HTTP. Files of the same
    name in ./received are replaced. FILE may be - for the standard input, with --name.
    """
    from filebody.cli._imports import import_reactor  # noqa: PLC0415 - only for what is done

    import_reactor()
    from filebody.cli._loop import run as run_loop  # noqa: PLC0415 - only for what is done
    from filebody.cli._options import try_options  # noqa: PLC0415 - only for what is done
    from filebody.cli._send import Sending  # noqa: PLC0415 - only for what is done

    screen = Screen()
    sending = Sending(try_options(given, warn=screen.err), screen)
    return run_loop(sending.run, on_signal=sending.on_signal, debug=given["debug"])

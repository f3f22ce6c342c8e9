"""What can be typed after `filebody send`."""

from __future__ import annotations

from typing import Any

import click

from filebody.cli import _completion
from filebody.cli._help import ENVIRONMENT, option, seconds, shown
from filebody.cli._screen import Screen
from filebody.cli._sending_options import (
    CONTENT,
    PACE,
    PROXIES,
    RESUME,
    LooseCompress,
    allow_changes,
    compress,
    pace,
    peer,
    resume,
    verbose,
)

__all__ = ["send"]

_EXAMPLES = """\b
Examples:
  filebody send movie.mp4 http://host:8080/         send there, as movie.mp4
  filebody send movie.mp4 http://host:8080/new.mp4  under another name
  filebody send *.log https://host/logs/            several, each under its name
  tar c photos | filebody send - --name photos.tar http://host:8080/
  filebody send --form title=Sea --form file=@movie.mp4 https://host/upload
  filebody send --parallel 4 backup.tar https://host/   in four parts at once
  filebody send --compress=zstd --retry 5 --limit-rate 2M big.csv https://host/in/
"""

_EXIT_CODES = """\b
Exit codes (of the first file that failed):
  0    everything was sent, and is what was sent
  2    the command line is wrong
  22   the server answered 400 or more, or a redirect that is not followed
  26   a source could not be read, or changed while it was being sent
  28   something took too long; the message says what
  55   no connection, or it was lost; no such host; TLS failed
  65   the server says that it has other bytes than were sent
  70   a fault in filebody itself
  130  stopped by Ctrl-C (143 by SIGTERM, 129 by SIGHUP)

\b
A signal that is ignored from the start (nohup, a script's `&`) stays ignored.
"""


@click.command(
    cls=LooseCompress, examples=_EXAMPLES, epilog=f"{_EXIT_CODES}\n{ENVIRONMENT}{PROXIES}"
)
@click.argument("arguments", nargs=-1, metavar="SOURCE... URL", shell_complete=_completion.sources)
@option(
    "-T",
    "--upload-file",
    "files",
    multiple=True,
    metavar="FILE",
    section=CONTENT,
    shell_complete=_completion.files,
    help="Another way to name a SOURCE, as for curl; can be repeated.",
)
@option(
    "-F",
    "--form",
    multiple=True,
    metavar="NAME=@FILE",
    shell_complete=_completion.form_parts,
    section=CONTENT,
    help="Send a form with this file (- for the standard input), or with text: NAME=VALUE. "
    "';type=TYPE' and ';filename=NAME' may follow. Once for each field.",
)
@compress
@option(
    "--name",
    metavar="NAME",
    section=CONTENT,
    help="Name to append to a URL that ends with /; '' for none: to exactly this URL.",
)
@option(
    "-X",
    "--request",
    "method",
    type=click.Choice(["PUT", "POST", "PATCH"], case_sensitive=False),
    metavar="METHOD",
    section=CONTENT,
    help="PUT, POST or PATCH.  [default: PUT; POST with --form]",
)
@option(
    "-H",
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    section=CONTENT,
    help="Header field to add; @FILE for those in a file, one a line.",
)
@allow_changes
@peer
@option(
    "--resume/--no-resume",
    default=None,
    section=RESUME,
    help="Go on where it was, after a lost connection or when the same command is given again, if "
    "the server can (tus, or the IETF's resumable uploads).  [default: pipes, and files of 1 MiB "
    "or more]",
)
@option(
    "--parallel",
    type=int,
    metavar="N",
    default=1,
    show_default=True,
    section=RESUME,
    help="Send a file in N parts at once, where the server can join them (tus).",
)
@resume
@option(
    "--retry",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    section=PACE,
    help="Try a file again so often when there is no connection, it is lost, or the answer is 408, "
    "425, 429, 500, 502, 503 or 504; after 1 s, 2 s, 4 s, or what the server asks for. With POST "
    "and PATCH, too, which a server may then do twice. Pipes cannot be sent again. "
    "For resumable uploads --give-up-after counts instead.",
)
@seconds(
    "--expect100-timeout",
    1,
    "For the server to say that it wants a body of more than 1 MiB or of unknown length; then it "
    "is sent all the same. 0 does not ask.",
    PACE,
)
@pace
@verbose
@shown
def send(**given: Any) -> int:
    """Send files to a URL.

    SOURCE is a file, or - for the standard input. URL begins with http:// or https://; if it ends
    with / each file's name is appended. To see how it works without a server: filebody try FILE

    Times are seconds, or 500ms, 90s, 10m, 1h30m; a timeout of 0 means none. Files to the same
    host share a connection.
    """
    from filebody.cli._imports import import_reactor  # noqa: PLC0415 - only for what is done

    import_reactor()
    from filebody.cli._loop import run as run_loop  # noqa: PLC0415 - only for what is done
    from filebody.cli._options import send_options  # noqa: PLC0415 - only for what is done
    from filebody.cli._send import Sending  # noqa: PLC0415 - only for what is done

    screen = Screen()
    options = send_options(given, warn=screen.err)
    sending = Sending(options, screen)
    return run_loop(sending.run, on_signal=sending.on_signal, debug=given["debug"])

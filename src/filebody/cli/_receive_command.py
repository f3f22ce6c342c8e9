"""What can be typed after `filebody receive`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from filebody.cli._completion import directories
from filebody.cli._help import ENVIRONMENT, Sectioned, option, parsed, seconds, shown, token
from filebody.cli._screen import Screen
from filebody.cli._words import LONGEST_SECONDS, checked_seconds, parse_size
from filebody.errors import UsageError

__all__ = ["receive"]

# The headings of `--help`.
_STORE = "What is stored"
_DOOR = "Where to listen, and to whom"
_PATIENCE = "How long"

_EXAMPLES = """\b
Examples:
  filebody receive inbox
  FILEBODY_TOKEN=$(cat token) filebody receive inbox --host 0.0.0.0
  filebody receive inbox --cert cert.pem --key key.pem --max-size 2GiB
"""

_EXIT_CODES = """\b
Exit codes:
  0    stopped by Ctrl-C or SIGTERM, and no transfer was cut off
  2    the command line is wrong, or the address or directory cannot be used
  70   a fault in filebody itself
  130  stopped by Ctrl-C, and transfers were cut off (143 by SIGTERM, 129 by SIGHUP)

\b
A signal that is ignored from the start (nohup, a script's `&`) stays ignored.
"""


@click.command(cls=Sectioned, examples=_EXAMPLES, epilog=f"{_EXIT_CODES}\n{ENVIRONMENT}")
@click.argument("directory", shell_complete=directories)
@option(
    "--max-size",
    callback=parsed(parse_size),
    metavar="SIZE",
    section=_STORE,
    help="Longest file to accept.",
)
@option(
    "--overwrite",
    is_flag=True,
    section=_STORE,
    help="Let uploads replace files of the same name.",
)
@option(
    "--quota",
    callback=parsed(parse_size),
    metavar="SIZE",
    section=_STORE,
    help="The bytes that resumable uploads may take, or announce, with their records.",
)
@option(
    "--fsync",
    is_flag=True,
    section=_STORE,
    help="Let what resumable clients are told survive a power cut, too.",
)
@option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    section=_DOOR,
    help="Address to listen on; 0.0.0.0 for all.",
)
@option(
    "-p",
    "--port",
    type=int,
    metavar="N",
    default=8080,
    show_default=True,
    section=_DOOR,
    help="Port; 0 for a free one.",
)
@token(_DOOR)
@option(
    "--insecure", is_flag=True, section=_DOOR, help="Listen beyond this machine without a token."
)
@option(
    "--cert",
    type=click.Path(path_type=Path),
    section=_DOOR,
    help="PEM file of the certificate: turns on TLS.",
)
@option(
    "--key", type=click.Path(path_type=Path), section=_DOOR, help="PEM file of its private key."
)
@option(
    "--allow-origin",
    metavar="ORIGIN",
    multiple=True,
    section=_DOOR,
    help="Let web pages of this origin, or of any with *, send files; can be repeated.",
)
@option(
    "--public-url",
    metavar="URL",
    section=_DOOR,
    help="URL by which clients know the receiver, where a proxy is before it.",
)
@option(
    "--max-connections",
    type=click.IntRange(min=1),
    metavar="N",
    default=1000,
    show_default=True,
    section=_DOOR,
    help="Served at a time.",
)
@option(
    "--max-memory",
    metavar="SIZE",
    default="128MiB",
    show_default=True,
    section=_DOOR,
    help="Memory that clients can make it hold, all together.",
)
@seconds("--idle-timeout", 60, "How long a client may send nothing.", _PATIENCE)
@seconds("--grace", 10, "How long transfers may go on after Ctrl-C.", _PATIENCE)
@seconds("--expire-after", 7 * 86_400, "How long unfinished resumable uploads are kept.", _PATIENCE)
@shown
def receive(**given: Any) -> int:
    """Receive files into DIRECTORY, until Ctrl-C.

    Prints a line for each transfer. Files appear under their names only when they are whole.
    After Ctrl-C the transfers under way may finish; a second Ctrl-C aborts them.

    Sizes: 10M and 10MiB are 10 * 1024 * 1024 bytes, 10MB is 10,000,000. Times: seconds, or
    500ms, 90s, 10m, 1h30m, 7d.
    """
    from filebody.cli._credentials import read_token  # noqa: PLC0415 - only for what is done
    from filebody.cli._loop import run as run_loop  # noqa: PLC0415 - only for what is done
    from filebody.cli._receive import Receiving  # noqa: PLC0415 - only for what is done
    from filebody.receiver import ReceiverConfig  # noqa: PLC0415 - only for what is done

    if given["directory"] == "":
        raise UsageError("the directory has no name: give one, or . for this one")
    if not given["expire_after"]:
        raise UsageError("--expire-after is 0 seconds: it must be more")
    screen = Screen()
    config = ReceiverConfig(
        directory=given["directory"],
        host=given["host"],
        port=given["port"],
        max_size=given["max_size"],
        overwrite=given["overwrite"],
        token=read_token(given),
        insecure=given["insecure"],
        cert=given["cert"],
        key=given["key"],
        idle_timeout_seconds=checked_seconds("--idle-timeout", given["idle_timeout"])
        or LONGEST_SECONDS,
        max_connections=given["max_connections"],
        max_memory=parse_size(given["max_memory"]),
        grace_seconds=checked_seconds("--grace", given["grace"]),
        expire_after_seconds=given["expire_after"],
        quota=given["quota"],
        fsync=given["fsync"],
        allow_origins=given["allow_origin"],
        public_url=given["public_url"],
    )
    receiving = Receiving(config, screen, quiet=given["quiet"], as_json=given["as_json"])
    return run_loop(
        receiving.run,
        on_signal=receiving.on_signal,
        on_log=screen.error,
        leaves=False,
        debug=given["debug"],
    )

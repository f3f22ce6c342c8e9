"""What can be typed after `filebody uploads`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from filebody.cli._completion import upload_ids
from filebody.cli._help import ENVIRONMENT, Sectioned, option, seconds, shown
from filebody.cli._screen import Screen
from filebody.cli._sending_options import PACE, PEER, PROXIES, pace, peer, resume, verbose

if TYPE_CHECKING:
    from filebody.cli._cancel import Cancelling
    from filebody.cli._send import Sending

__all__ = ["uploads"]

_EXAMPLES = """\b
Examples:
  filebody uploads                      what is unfinished, and how far it is
  filebody uploads resume 63baeac6      go on with one of them
  filebody uploads resume --all         go on with all, one after the other
  filebody uploads cancel 63baeac6      have the server delete its part
"""

_RESUME_EXAMPLES = """\b
Examples:
  filebody uploads resume 63baeac6
  FILEBODY_TOKEN=$(cat token) filebody uploads resume --all --limit-rate 2M
"""

_CANCEL_EXAMPLES = """\b
Examples:
  filebody uploads cancel 63baeac6
  filebody uploads cancel --forget --all
"""

_ALL = "Which uploads"

_header = option(
    "-H",
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    section=PEER,
    help="Header field to add, or @FILE: what was given when it was begun is not kept.",
)
_all = option("--all", "is_all", is_flag=True, section=_ALL, help="All that are unfinished.")


@click.group(
    invoke_without_command=True,
    short_help="List, resume or cancel what was begun and not finished.",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXAMPLES,
)
@option("--json", "as_json", is_flag=True, help="As JSON, one a line.")
@click.pass_context
def uploads(context: click.Context, as_json: bool) -> int:
    """List uploads that were begun and not finished; resume or cancel them.

    An upload is listed if it was sent from this machine by `filebody send` to a server that can
    resume it. CONFIRMED is what the server has said that it has; it may have more. What is needed
    to resume is kept in $XDG_STATE_HOME/filebody (~/.local/state/filebody), without credentials.
    """
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(f"--json goes behind {context.invoked_subcommand}", context)
        return 0
    from filebody.cli._uploads import show_uploads  # noqa: PLC0415 - only for what is done

    return show_uploads(Screen(), as_json=as_json)


@uploads.command(
    "resume",
    short_help="Go on with unfinished uploads.",
    cls=Sectioned,
    examples=_RESUME_EXAMPLES,
    epilog=f"{ENVIRONMENT}{PROXIES}",
)
@click.argument("names", nargs=-1, metavar="[ID]...", shell_complete=upload_ids)
@_all
@_header
@peer
@resume
@pace
@verbose
@shown
def _resume(**given: Any) -> int:
    """Go on with unfinished uploads, named by the beginning of their ID.

    Of several uploads, one that does not move for 15 seconds gives way to the next. A file that has
    changed meanwhile begins anew. Exit codes are those of `filebody send`.
    """
    from filebody.cli._uploads import resuming  # noqa: PLC0415 - only for what is done

    return _run(resuming(given, Screen()), debug=given["debug"])


@uploads.command(
    "cancel",
    short_help="End unfinished uploads for good.",
    cls=Sectioned,
    examples=_CANCEL_EXAMPLES,
    epilog=f"{ENVIRONMENT}{PROXIES}",
)
@click.argument("names", nargs=-1, metavar="[ID]...", shell_complete=upload_ids)
@_all
@option(
    "--forget",
    is_flag=True,
    section=_ALL,
    help="Forget it here although the server cannot be told: it keeps its part until that expires.",
)
@_header
@peer
@seconds(
    "--connect-timeout", 30, "For finding the host and connecting; as long again for TLS.", PACE
)
@seconds("--response-timeout", 60, "From the request to the answer.", PACE)
@seconds("--give-up-after", 10, "How long to try to reach the server.", PACE)
@verbose
@shown
def _cancel(**given: Any) -> int:
    """End unfinished uploads for good: the server deletes what it has, and nothing is resumed."""
    from filebody.cli._cancel import cancelling  # noqa: PLC0415 - only for what is done

    return _run(cancelling(given, Screen()), debug=given["debug"])


def _run(work: Sending | Cancelling | None, *, debug: bool) -> int:
    """Do it, if there is anything to do."""
    from filebody.cli._loop import run as run_loop  # noqa: PLC0415 - only for what is done

    if work is None:
        return 0
    return run_loop(work.run, on_signal=work.on_signal, debug=debug)

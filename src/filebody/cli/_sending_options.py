"""The options that several commands have that send: content, trust, resuming, pace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from filebody.cli._help import Sectioned, option, parsed, seconds, token
from filebody.cli._words import parse_rate

__all__ = [
    "CONTENT",
    "PACE",
    "PEER",
    "PROXIES",
    "RESUME",
    "LooseCompress",
    "allow_changes",
    "compress",
    "fail_early",
    "limit_rate",
    "pace",
    "peer",
    "resume",
    "verbose",
]

_F = TypeVar("_F", bound=Callable[..., Any])

# The first one is what --compress alone means.
_CODINGS = ("gzip", "zstd")

# The headings of `--help`.
CONTENT = "What is sent"
PEER = "Where to, and whom to trust"
RESUME = "Resuming after failures"
PACE = "How fast, how long, how often"

PROXIES = """\
  HTTPS_PROXY, http_proxy, ALL_PROXY   proxies for https://, http:// and both
  NO_PROXY         hosts, domains and networks that need none, with commas; * for all
"""


def _together(*options: Callable[[Any], Any]) -> Callable[[_F], _F]:
    """One decorator of several; they are listed in this order."""

    def add(command: _F) -> _F:
        for one in reversed(options):
            command = one(command)
        return command

    return add


class LooseCompress(Sectioned):
    """A command in which `--compress` may lack its coding, which click would take from the next."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        end = args.index("--") if "--" in args else len(args)
        for at, argument in enumerate(args[:end]):
            following = "".join(args[at + 1 : at + 2]).lower()
            if argument == "--compress" and following not in _CODINGS:
                args[at] = f"--compress={_CODINGS[0]}"
        return super().parse_args(ctx, args)


compress = option(
    "--compress",
    type=click.Choice(_CODINGS, case_sensitive=False),
    metavar="[=CODING]",
    section=CONTENT,
    help="Compress on the way, by gzip, or zstd with --compress=zstd. A server that does not know "
    "the coding refuses it (415), or keeps the compressed bytes.",
)
allow_changes = option(
    "--allow-changes",
    is_flag=True,
    section=CONTENT,
    help="Send a file although it changes meanwhile.",
)
limit_rate = option(
    "--limit-rate",
    callback=parsed(parse_rate),
    metavar="RATE",
    section=PACE,
    help="Most bytes per second, of all files together: 500K, 10M, 1.5G (powers of 1024).",
)
fail_early = option(
    "--fail-early", is_flag=True, section=PACE, help="Stop at the first file that fails."
)
peer = _together(
    token(PEER),
    option(
        "-u",
        "--user",
        metavar="USER[:PASSWORD]",
        section=PEER,
        help="User name for HTTP Basic; the terminal asks for a missing password. Others on this "
        "machine can see a password here: better --netrc.",
    ),
    option(
        "--netrc",
        is_flag=True,
        section=PEER,
        help="Take user name and password from ~/.netrc (or $NETRC), by the URL's host.",
    ),
    option(
        "--netrc-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        section=PEER,
        help="The same from this file.",
    ),
    option(
        "--cert",
        type=click.Path(path_type=Path),
        metavar="FILE",
        section=PEER,
        help="PEM file of your own certificate, for servers that want one.",
    ),
    option(
        "--key",
        type=click.Path(path_type=Path),
        metavar="FILE",
        section=PEER,
        help="PEM file of its key, if that is not in the same file.",
    ),
    option(
        "--cacert",
        type=click.Path(path_type=Path),
        section=PEER,
        help="PEM file of the authorities to trust, in place of the system's.",
    ),
    option("--insecure", is_flag=True, section=PEER, help="Trust any certificate."),
    option(
        "--proxy",
        metavar="URL",
        section=PEER,
        help="http://host:port of the proxy to go through, or socks5h://host:port; '' for none. "
        "With a password it is better in the environment.  [default: as the environment says]",
    ),
    option(
        "--max-redirects",
        type=int,
        metavar="N",
        default=10,
        show_default=True,
        section=PEER,
        help="How many redirects to follow for a file; 0 for none. To another host go no "
        "credentials, and no header fields of yours but those about the content.",
    ),
)
resume = _together(
    seconds(
        "--give-up-after",
        600,
        "How long a resumable upload is tried without anything more arriving; 0 for ever.",
        RESUME,
    ),
    option(
        "--verify-prefix",
        is_flag=True,
        section=RESUME,
        help="Before resuming, compare the digest of what was sent with that of the file's "
        "beginning. Has to be given from the first time on; reads everything twice.",
    ),
)
pace = _together(
    limit_rate,
    fail_early,
    seconds(
        "--connect-timeout", 30, "For finding the host and connecting; as long again for TLS.", PACE
    ),
    seconds(
        "--stall-timeout", 60, "How long the server may take nothing, or pause in its answer.", PACE
    ),
    seconds("--response-timeout", 300, "From the last byte to the beginning of the answer.", PACE),
    seconds("--max-time", None, "For all of a file, retries too.  [default: none]", PACE),
)
verbose = option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show on standard error what happens: connections, requests (>) and answers (<), without "
    "credentials.",
)

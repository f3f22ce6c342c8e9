"""Credentials for the server: from options, files, the URL, or a prompt."""

from __future__ import annotations

import getpass
import netrc
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filebody.cli._targets import Target, parse_header
from filebody.cli._words import one_line
from filebody.errors import UsageError
from filebody.wire import format_basic, to_a_labels

__all__ = ["ask_secret", "authorization", "header_fields", "read_token"]

# A file of credentials that is longer is another file.
_MAX_BYTES = 1 << 20


def authorization(given: Mapping[str, Any], target: Target | None) -> str | None:
    """Make the value of the Authorization field; None for no such field.

    A token, a user name or netrc that is asked for stands before what the URL says.

    Args:
        given: The options as the command's parser has them, by their names.
        target: Where requests go.

    Raises:
        UsageError: They contradict each other, or a file cannot be used.
    """
    token, user = read_token(given), given["user"]
    if token is not None and user is not None:
        raise UsageError("both a token and --user: leave out one of them")
    if token is not None:
        if target is not None and target.credentials is not None:
            raise UsageError("both a token and a user name in the URL: leave out one of them")
        return f"Bearer {token}"
    credentials = None if target is None else target.credentials
    if user is not None:
        credentials = _split_user(user)
    elif credentials is None and target is not None:
        credentials = _from_netrc(given, target)
    return None if credentials is None else format_basic(*credentials).decode("ascii")


def read_token(given: Mapping[str, Any]) -> str | None:
    """Take the token from --token-file, --token or the environment; None if there is none.

    Raises:
        UsageError: The file cannot be used, or the token cannot be sent.
    """
    path: Path | None = given["token_file"]
    token: str | None = given["token"]
    if path is not None:
        token = _read(path, "--token-file").strip()
        if not token:
            raise UsageError(f"--token-file: {one_line(str(path))} is empty")
    if token is None:
        return None
    if not token:  # an empty variable of the environment counts as none
        raise UsageError("--token is empty: is the variable set that it is taken from?")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("the token must be visible ASCII characters without spaces")
    return token


def header_fields(headers: Sequence[str]) -> list[tuple[str, str]]:
    """Read header fields; `@FILE` stands for the lines of a file.

    Raises:
        UsageError: One of them is none, or a file cannot be read.
    """
    fields = []
    for header in headers:
        if not header.startswith("@"):
            fields.append(parse_header(header))
            continue
        path = Path(header[1:])
        for number, line in enumerate(_read(path, "-H").splitlines(), 1):
            if line.strip():
                fields.append(_field_of(line, path, number))
    return fields


def _field_of(line: str, path: Path, number: int) -> tuple[str, str]:
    try:
        return parse_header(line)
    except UsageError as error:
        # The line may be a secret.
        raise UsageError(
            f"line {number} of {one_line(str(path))} is not a header field: write 'Name: value'"
        ) from error


def _split_user(user: str) -> tuple[str, str]:
    name, colon, password = user.partition(":")
    if not colon:
        try:
            password = ask_secret(f"Password of {one_line(name)}: ")
        except (OSError, EOFError) as error:
            raise UsageError(
                f"--user {one_line(name)}: there is no terminal to ask for the password; use "
                "--netrc or --netrc-file"
            ) from error
    return name, password


def ask_secret(prompt: str) -> str:
    """Ask on the terminal, whatever the standard input is.

    Raises:
        OSError: There is no terminal.
        EOFError: It was closed.
    """
    # Without a terminal getpass reads the standard input, which may be the file to send.
    os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    # Killed at once by Ctrl-C, the terminal would stay without an echo.
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return getpass.getpass(prompt)
    finally:
        signal.signal(signal.SIGINT, before)


def _from_netrc(given: Mapping[str, Any], target: Target) -> tuple[str, str] | None:
    path: Path | None = given["netrc_file"]
    if path is None:
        if not given["netrc"]:
            return None
        path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    shown = one_line(str(path))
    try:
        hosts = netrc.netrc(str(path)).hosts
    except netrc.NetrcParseError as error:
        # Its message may have a password in it.
        raise UsageError(f"{shown} is not in netrc's form, near line {error.lineno}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not a text in UTF-8") from error
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from error
    entry = hosts.get("default")
    for host, found in hosts.items():
        if host != "default" and _is_host(host, target.origin.server_name):
            entry = found
    if entry is None:
        return None
    user, _, password = entry
    if ":" in user:
        raise UsageError(f"{shown}: a user name with a colon cannot be sent by Basic")
    return user, password or ""


def _is_host(text: str, host: str) -> bool:
    try:
        return to_a_labels(text, text).rstrip(".") == host.rstrip(".")
    except UsageError:
        return text.strip("[]").lower() == host  # an IPv6 address


def _read(path: Path, option: str) -> str:
    shown = one_line(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise UsageError(f"{option}: {shown} is larger than 1 MiB")
        return content.decode()
    except OSError as error:
        raise UsageError(f"{option}: cannot read {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{option}: {shown} is not a text in UTF-8") from error

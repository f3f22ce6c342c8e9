"""TLS settings from the options: whom to trust, and the certificate of one's own."""

from __future__ import annotations

import ssl
from pathlib import Path

from filebody.cli._credentials import ask_secret
from filebody.cli._words import one_line
from filebody.errors import UsageError

__all__ = ["trust"]


def trust(
    cacert: Path | None, *, insecure: bool, cert: Path | None = None, key: Path | None = None
) -> ssl.SSLContext | None:
    """Make the settings for all connections of a run; None for the agent's own, which verify.

    Args:
        cacert: A file of certificates in PEM form; they replace the system's.
        insecure: Whether to believe everybody.
        cert: A file of our own certificate in PEM form, for servers that ask for one.
        key: A file of its key; None if that is in the same file.

    Raises:
        UsageError: A file does not have what it should.
    """
    if key is not None and cert is None:
        raise UsageError("--key belongs to a certificate: add --cert FILE")
    if not insecure and cacert is None and cert is None:
        return None
    try:
        context = ssl.create_default_context(cafile=None if insecure else cacert)
    except ssl.SSLError as error:
        raise UsageError(
            f"{cacert} has no certificate in PEM form, or one that cannot be read"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot read {cacert}: {error.strerror}") from error
    context.set_alpn_protocols(["http/1.1"])
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert is not None:
        _load(context, cert, key)
    return context


def _load(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    for path in (cert, key):
        if path is not None:
            try:
                path.open("rb").close()
            except OSError as error:
                where = one_line(str(path))
                raise UsageError(f"cannot read {where}: {error.strerror}") from error
    shown = one_line(str(key or cert))

    def ask() -> str:
        return ask_secret(f"Password of {shown}: ")

    try:
        context.load_cert_chain(cert, key, ask)
    except ssl.SSLError as error:
        what = "its key does not belong to the certificate, is missing, or has another password"
        if error.reason == "KEY_VALUES_MISMATCH":
            what = "its key does not belong to the certificate"
        elif error.reason == "BAD_DECRYPT":
            what = "that is not the password of its key"
        elif key is None:
            what = "there must be a certificate and its key in it, in PEM form; else add --key"
        raise UsageError(f"cannot use {shown}: {what}") from error
    except (OSError, EOFError) as error:
        raise UsageError(
            f"cannot use {shown}: its key has a password, and there is no terminal to ask for it"
        ) from error

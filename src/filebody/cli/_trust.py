"""Which servers to believe: TLS settings from the options."""

from __future__ import annotations

import ssl
from pathlib import Path

from filebody.errors import UsageError

__all__ = ["trust"]


def trust(cacert: Path | None, *, insecure: bool) -> ssl.SSLContext | None:
    """Settings for all connections of a run; None for the agent's own, which verify.

    Args:
        cacert: A file of certificates in PEM form; they replace the system's.
        insecure: Whether to believe everybody.

    Raises:
        UsageError: The file has no certificates.
    """
    if not insecure and cacert is None:
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
    return context

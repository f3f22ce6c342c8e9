"""What Twisted's client raises, in filebody's words."""

from __future__ import annotations

import os
from collections.abc import Iterator

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error as net
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError
from twisted.web.client import (
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
)

from filebody.cli._targets import Target
from filebody.errors import TransferError, TransferTimeout

__all__ = ["translate"]


def translate(error: Exception, target: Target, offset: int, *, is_sent: bool) -> Exception:
    """The error to raise instead of `error`; itself if it is none of the connection's.

    Args:
        error: What the exchange ended with.
        target: Where it went.
        offset: How many bytes of the body had been handed over.
        is_sent: Whether that was all.
    """
    if isinstance(error, RequestGenerationFailed):
        inner = error.reasons[0].value
        return inner if isinstance(inner, Exception) else error
    causes = list(_causes(error))
    if any(isinstance(cause, net.TimeoutError) for cause in causes):
        return TransferTimeout(target.url, offset, "the connection timed out")
    reason = _tls(causes, target) or _connecting(causes, target) or _talking(causes, is_sent)
    if reason is None:
        return error
    return TransferError(target.url, offset, reason)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it wraps, the outermost first."""
    yield error
    if isinstance(error, (RequestTransmissionFailed, ResponseFailed)):
        for reason in error.reasons:
            if isinstance(reason, Failure) and reason.value is not None:
                yield from _causes(reason.value)


def _tls(causes: list[BaseException], target: Target) -> str | None:
    for cause in causes:
        if isinstance(cause, VerificationError):
            return (
                f"the server's certificate is for another name than {target.host}: use the name "
                "that it is for, or --insecure to send it all the same"
            )
        if isinstance(cause, SSL.Error):
            return _tls_error(" ".join(_ssl_words(cause)))
    return None


def _tls_error(words: str) -> str:
    if "certificate verify failed" in words:
        return (
            "the server's certificate is not signed by an authority that is trusted here: name its "
            "authority's with --cacert FILE (or --insecure to send it all the same)"
        )
    if "wrong version number" in words or "packet length too long" in words:
        return "the server does not speak TLS there: try http:// or another port"
    return f"TLS failed ({words or 'the connection was closed'})"


def _ssl_words(cause: SSL.Error) -> Iterator[str]:
    for argument in cause.args:
        if isinstance(argument, list):
            yield from (str(entry[-1]) for entry in argument if entry)


def _connecting(causes: list[BaseException], target: Target) -> str | None:
    for cause in causes:
        match cause:
            case net.DNSLookupError():
                return f"there is no host {target.host}: check its spelling and your network"
            case net.ConnectionRefusedError():
                return (
                    f"connection refused: nothing listens on {target.host} port {target.port}; "
                    "is the server running, and is that its port?"
                )
            case net.ConnectError():
                said = os.strerror(cause.osError) if isinstance(cause.osError, int) else str(cause)
                return f"cannot connect to {target.host} port {target.port}: {said}"
    return None


def _talking(causes: list[BaseException], is_sent: bool) -> str | None:
    if any(isinstance(cause, (ParseError, ValueError)) for cause in causes):
        return "what answered does not speak HTTP/1.1 there: check scheme and port"
    if not any(isinstance(c, (net.ConnectionClosed, net.ConnectionDone)) for c in causes):
        return "the exchange failed" if isinstance(causes[0], ResponseFailed) else None
    if is_sent:
        return "the server closed the connection without an answer: ask there whether it has it"
    return (
        "the server closed the connection before it had everything: it may have refused the "
        "upload, or be out of reach; its log says more"
    )

"""TLS on a connected socket, by the standard library, in the reactor."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from filebody.agent._timer import start, stop
from filebody.agent._turns import Turns
from filebody.agent._watch import Watch
from filebody.errors import TLSError, TLSTimeout, TransferError

__all__ = ["default_context", "handshake", "is_cut"]

# X509_verify_cert(3): what is wrong with a certificate, and what can be done.
_CERTIFICATES = {
    9: "is not valid yet: check the clock of this machine",
    10: "has expired",
    18: "is signed by itself and by nobody that is trusted: add it to the trusted ones",
    19: "was issued by an authority that is not trusted: add that authority to the trusted ones",
    20: "was issued by an authority that is not known: add that authority to the trusted ones, or "
    "let the server send its whole chain",
    21: "was issued by an authority that is not known: let the server send its whole chain",
    23: "was revoked",
    62: "is for another name",
    64: "is for another address",
}
# What OpenSSL says when what comes is no TLS at all.
_NOT_TLS = {
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "UNKNOWN_PROTOCOL",
    "WRONG_VERSION_NUMBER",
}
# With this option, which Python 3.11.2 sets on every context, an end without close_notify is
# taken for an orderly one. OpenSSL 1.1.1 has no such option, and does not do so.
_IGNORE_CUTS = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", ssl.Options(0))
_wrapping = threading.Lock()
_CLOSED = {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}


def default_context() -> ssl.SSLContext:
    """The system's authorities, TLS 1.2 or later, certificates and names verified, HTTP/1.1.

    Making one takes milliseconds: make one for an agent, not for a connection.

    Source: RFC 9325 sections 3.1.1 and 3.7; RFC 7301.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def handshake(
    reactor: Any,
    connected: socket.socket,
    context: ssl.SSLContext,
    server_hostname: str,
    seconds: float | None,
    url: str,
    turns: Turns | None = None,
) -> Deferred[ssl.SSLSocket]:
    """Put TLS on a connection.

    Args:
        reactor: Any that has `IReactorFDSet` and `IReactorTime`.
        connected: A non-blocking socket, which becomes the handshake's: use it no more.
        context: Whom to trust. It is the same afterwards; that the connection detects a cut does
            not depend on its `options`.
        server_hostname: Whom the certificate must be for: a name in ASCII or an address.
        seconds: How long it may take; None for as long as it does.
        url: What it is for, for errors.
        turns: Where there may be many handshakes at a time, each of which takes a millisecond.

    Returns:
        Fires with a non-blocking socket that the reactor does not know. A cut without a farewell
        is an error on it (see `is_cut`), not an end. Fails with `TLSError` or `TLSTimeout`.
        Failed or cancelled, the socket is closed and nothing is left in the reactor.
    """
    # RFC 6066 section 3: the name without a dot at the end.
    name = server_hostname.removesuffix(".")
    try:
        connected.getpeername()  # wrap_socket loses sockets that were reset before it
        wrapped = _wrap(context, connected, name)
    except (OSError, ValueError) as error:
        connected.close()
        failed: Deferred[ssl.SSLSocket] = Deferred()
        failed.errback(_explained(url, name, error))
        return failed
    return _Handshake(reactor, wrapped, name, url, turns).begin(seconds)


def is_cut(error: BaseException | None) -> bool:
    """Return whether a TLS connection ended without close_notify (RFC 8446 section 6.1)."""
    # Python 3.11.2 has no class of its own for it when it comes from OpenSSL 3.
    return isinstance(error, ssl.SSLEOFError) or (
        isinstance(error, ssl.SSLError) and error.reason == "UNEXPECTED_EOF_WHILE_READING"
    )


def _wrap(context: ssl.SSLContext, connected: socket.socket, name: str) -> ssl.SSLSocket:
    """Make a TLS socket that takes no cut for an end, whatever the context says."""
    with _wrapping:
        ignores_cuts = context.options & _IGNORE_CUTS
        if ignores_cuts:
            # A connection has a copy of the options of its context (SSL_new(3)), and the context
            # may be the caller's: it is restored.
            context.options &= ~_IGNORE_CUTS
        try:
            return context.wrap_socket(
                connected,
                server_hostname=name,
                do_handshake_on_connect=False,
                suppress_ragged_eofs=False,
            )
        finally:
            if ignores_cuts:
                context.options |= _IGNORE_CUTS


class _Handshake(Watch):
    """Asks OpenSSL, and waits for what OpenSSL waits for."""

    __slots__ = ("_deadline", "_deferred", "_name", "_secured", "_url")

    def __init__(
        self, reactor: Any, secured: ssl.SSLSocket, name: str, url: str, turns: Turns | None
    ) -> None:
        super().__init__(reactor, secured, turns)
        self._secured = secured
        self._name = name
        self._url = url
        self._deadline: IDelayedCall | None = None
        self._deferred: Deferred[ssl.SSLSocket] = Deferred(self._leave)

    def begin(self, seconds: float | None) -> Deferred[ssl.SSLSocket]:
        """Say hello."""
        self._deadline = start(self._reactor, seconds, self._too_late)
        self.come()
        return self._deferred

    def ready(self, dropped: Failure | None) -> None:
        """See `Watch`."""
        try:
            self._secured.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as wanted:
            if dropped is not None:
                why = f"the reactor watches the connection no more ({dropped.getErrorMessage()})"
                self._fail(TLSError(self._url, 0, why))
                return
            reads = isinstance(wanted, ssl.SSLWantReadError)
            self.want(read=reads, write=not reads)
        except (OSError, ValueError) as error:
            self._fail(_explained(self._url, self._name, error))
        else:
            self.want(read=False, write=False)
            stop(self._deadline)
            self._deferred.callback(self._secured)

    def _too_late(self, seconds: float) -> None:
        self._fail(TLSTimeout(self._url, 0, f"no TLS handshake within {round(seconds, 2):g} s"))

    def _fail(self, error: TransferError) -> None:
        self._leave()
        self._deferred.errback(error)

    def _leave(self, _: object = None) -> None:
        stop(self._deadline)
        self.close()


def _explained(url: str, name: str, error: OSError | ValueError) -> TLSError:
    explained = TLSError(url, 0, _reason(name, error))
    explained.__cause__ = error
    return explained


def _reason(name: str, error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        what = _CERTIFICATES.get(error.verify_code, f"is no good: {error.verify_message}")
        return f"the certificate that {name} shows {what}"
    if is_cut(error) or isinstance(error, ssl.SSLZeroReturnError):
        return f"{name} closed the connection during the TLS handshake; does it speak TLS here?"
    if isinstance(error, ssl.SSLError):
        code = error.reason or str(error)
        if code in _NOT_TLS:
            return f"what listens on {name} does not speak TLS on this port: is it http://?"
        return f"the TLS handshake with {name} failed: {code.replace('_', ' ').lower()}"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return f"no TLS handshake with {name!r} is possible: {error}"
    if error.errno in _CLOSED:
        return f"{name} closed the connection during the TLS handshake; does it speak TLS here?"
    return f"the TLS handshake with {name} failed: {os.strerror(error.errno or 0)}"

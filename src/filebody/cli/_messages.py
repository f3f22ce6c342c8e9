"""One line for what went wrong: what, with which file and URL, at which byte, what to do."""

from __future__ import annotations

import errno
import ssl

from filebody.cli._advice import advice_after
from filebody.cli._answer import status_phrase
from filebody.cli._exit import Interrupted
from filebody.cli._load import Reached
from filebody.cli._secrets import text_without_identifiers, url_without_secrets
from filebody.cli._words import bytes_count, one_line
from filebody.errors import (
    BodyChanged,
    BodyError,
    BodyReadError,
    BodyShrank,
    ConnectionLost,
    ConnectTimeout,
    DigestMismatch,
    EarlySuccess,
    FilebodyError,
    ProtocolError,
    ProxyError,
    RemoteError,
    ResponseTimeout,
    ResumeError,
    StallTimeout,
    TLSError,
    TLSTimeout,
    TotalTimeout,
    TransferError,
    TransferTimeout,
    UsageError,
    WrongOffset,
)

__all__ = ["cause_of", "failure_line", "retry_line", "status_words"]

_READ_ADVICE = {
    errno.ENOENT: "check the name",
    errno.EACCES: "you may not read it; ask its owner",
    errno.EIO: "its disk or file system is failing",
    errno.EISDIR: "send its files, or an archive of it",
}
# Which option gives it longer.
_TIMEOUTS: tuple[tuple[type[TransferTimeout], str], ...] = (
    (ConnectTimeout, "--connect-timeout"),
    (TLSTimeout, "--connect-timeout"),
    (StallTimeout, "--stall-timeout"),
    (ResponseTimeout, "--response-timeout"),
    (TotalTimeout, "--max-time"),
)
# What the agent's words do not know: that there are options, and what else can be looked at.
_TRANSFER_ADVICE: tuple[tuple[type[TransferError], str], ...] = (
    (ProxyError, "see --proxy, and HTTPS_PROXY and NO_PROXY in the environment"),
    (ProtocolError, "check scheme and port"),
    (EarlySuccess, "its log says more"),
)
_RESUMABLE = (RemoteError, TransferError, Interrupted)
_OTHER_NAME = frozenset({62, 64})  # X509_verify_cert(3): hostname or address mismatch


def status_words(status: int) -> str:
    """`413 Content Too Large`; the number alone if it has no registered name."""
    return f"{status} {status_phrase(status)}".rstrip()


def failure_line(
    error: FilebodyError | Interrupted, source: str, place: str, reached: Reached
) -> str:
    """Say what happened to one file.

    Args:
        error: Why it was not sent.
        source: The file, safe to be shown.
        place: Where it was to go.
        reached: How far it came.
    """
    # Who it was that said no, after redirections, or the file of a form, if that is to blame.
    url = place
    if isinstance(error, (RemoteError, TransferError)):
        url = url_without_secrets(error.url)
        # What the user has written is shown; what a server has made up may be a secret.
        url = url if url == place else text_without_identifiers(url)
    source = error.source if isinstance(error, BodyError) else source
    after = f"after {bytes_count(reached.sent_bytes)}"
    if reached.total_bytes is not None:
        after = f"after {reached.sent_bytes:,} of {bytes_count(reached.total_bytes)}"
    match error:
        case UsageError():
            line = str(error)
        case BodyChanged():
            line = (
                f"{source} changed while it was being sent to {url} ({error.what}; noticed at byte "
                f"{error.offset}): send it again when nobody writes to it, or add --allow-changes"
            )
        case BodyShrank():
            line = (
                f"{source} ended at byte {error.offset} of {error.expected_end} while it was being "
                f"sent to {url}: somebody cut it short; send it again when nobody writes to it"
            )
        case BodyReadError():
            at = f" at byte {error.offset}" if error.offset else ""
            line = f"cannot read {source}{at} (for {url}): {error.strerror}"
            line = _with(line, _READ_ADVICE.get(error.errno or 0))
        case DigestMismatch():
            line = (
                f"{url} has other bytes than the {reached.sent_bytes:,} of {source} that were "
                f"sent: its sha-256 is {error.received.hex()}, but {error.sent.hex()} was sent; "
                "send it again"
            )
        case ResumeError() if error.status < 400:
            line = f"{url} cannot take {source} ({after}): {text_without_identifiers(error.detail)}"
        case RemoteError():
            line = f"{url} answered {status_words(error.status)} to {source} {after}"
            line += f": {text_without_identifiers(error.detail)}" if error.detail else ""
            line = _with(line, _elsewhere_advice(error, place) or advice_after(error, reached))
        case TransferTimeout():
            line = f"timeout sending {source} to {url} {after}: {_reason(error)}; try again, or "
            line += f"give it longer ({_timeout_option(error)})"
        case TransferError():
            line = f"cannot send {source} to {url} ({after}): {_reason(error)}"
            # It may be out before the agent has seen that it is.
            is_sent = reached.is_out or error.offset == reached.total_bytes
            line = _with(line, _transfer_advice(error, is_sent=is_sent))
        case Interrupted():
            line = (
                f"interrupted while sending {source} to {url}, {after}: the upload is not complete"
            )
            if reached.upload_id is None:
                line += "; run the command again to send it whole"
        case _:
            line = f"cannot send {source} to {url} ({after}): {error}"
    if reached.upload_id is not None:
        line = _with(line, _resuming_advice(error, reached.upload_id))
    return one_line(line)


def _elsewhere_advice(error: RemoteError, place: str) -> str | None:
    """Say why the server that a redirection led to asks for credentials."""
    if error.status in {401, 403} and error.url.split("/", 3)[:3] != place.split("/", 3)[:3]:
        return (
            "credentials go only to the scheme, host and port that you named: if you trust this "
            "server, send there by its own URL"
        )
    return None


def _reason(error: TransferError) -> str:
    return text_without_identifiers(error.reason)


def _resuming_advice(error: Exception, upload_id: str) -> str | None:
    if isinstance(error, WrongOffset):
        return f"filebody uploads cancel {upload_id}"
    if isinstance(error, _RESUMABLE):
        again = f"filebody uploads resume {upload_id}"
        return f"to resume it, give the same command again, or: {again}"
    return None


def retry_line(
    number: int, status: int | None, error: Exception | None, delay_seconds: float
) -> str:
    """Say that an attempt did not do, and when the next one begins.

    Args:
        number: Of the attempt that failed.
        status: What it was answered, or None.
        error: Why it was not answered, or None.
        delay_seconds: How long until the next one.
    """
    why = _answered(status) if status is not None else cause_of(error)
    return one_line(f"attempt {number} failed: {why}; again in {delay_seconds:.1f} s")


def cause_of(error: Exception | None) -> str:
    """What went wrong, in a few words, where URL and file are known."""
    match error:
        case ResumeError() if error.status < 400:
            return error.detail
        case RemoteError():
            return f"{_answered(error.status)}: {error.detail}".removesuffix(": ")
        case TransferError():
            return error.reason
        case _:
            return str(error)


def _answered(status: int) -> str:
    return f"answered {status_words(status)}"


def _timeout_option(error: TransferTimeout) -> str:
    for kind, option in _TIMEOUTS:
        if isinstance(error, kind):
            return option
    return "--stall-timeout"


def _transfer_advice(error: TransferError, *, is_sent: bool) -> str | None:
    cause = error.__cause__
    if isinstance(error, TLSError) and isinstance(cause, ssl.SSLCertVerificationError):
        if cause.verify_code in _OTHER_NAME:
            return "use the name that it is for, or --insecure to send it all the same"
        return "--cacert FILE names whom to trust (or --insecure to send it all the same)"
    if isinstance(error, ConnectionLost):
        is_plain = error.url.startswith("http:")
        if is_sent:
            return f"ask there whether it has it{', or try https://' if is_plain else ''}"
        wants = "refused the upload, want https://," if is_plain else "refused the upload"
        return f"it may have {wants} or be out of reach; its log says more"
    for kind, advice in _TRANSFER_ADVICE:
        if isinstance(error, kind):
            return advice
    return None


def _with(line: str, advice: str | None) -> str:
    if not advice:
        return line
    return f"{line} ({advice})" if line.endswith("?") else f"{line}; {advice}"

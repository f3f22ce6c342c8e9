"""Every typed error has one line: what, which file, where to, at which byte, what to do next."""

import errno

import pytest

from filebody import errors
from filebody.cli._exit import ExitCode, Interrupted, exit_code_of
from filebody.cli._load import Reached
from filebody.cli._messages import failure_line

URL = "http://h/f"
REACHED = Reached(sent_bytes=1000, total_bytes=5000)
AFTER = "after 1,000 of 5,000 bytes"
AGAIN = "send it again"
LONGER = "try again, or give it longer"

# What is raised; its exit code; what its line must say beside the file.
CASES: list[tuple[errors.FilebodyError, ExitCode, tuple[str, ...]]] = [
    (errors.UsageError("f cannot be"), ExitCode.USAGE, ("cannot be",)),
    (
        errors.BodyReadError("f", 1000, OSError(errno.EIO, "I/O error")),
        ExitCode.UNREADABLE,
        ("at byte 1000", URL, "its disk or file system is failing"),
    ),
    (errors.BodyShrank("f", 1000, 5000), ExitCode.UNREADABLE, ("byte 1000 of 5000", URL, AGAIN)),
    (
        errors.BodyChanged("f", 1000, "its size"),
        ExitCode.UNREADABLE,
        ("its size", "byte 1000", URL, AGAIN, "--allow-changes"),
    ),
    (errors.BodyStopped("f", 1000), ExitCode.UNREADABLE, ("byte 1000", URL)),
    (errors.WrongBodyLength("f", 1000, 5000), ExitCode.UNREADABLE, ("byte 1000", URL)),
    (errors.NotReplayable("f"), ExitCode.UNREADABLE, ("only once", URL, AFTER)),
    (
        errors.DigestMismatch(URL, 201, b"\xaa" * 32, b"\xbb" * 32),
        ExitCode.MISMATCH,
        (URL, "aa" * 32, "bb" * 32, AGAIN),
    ),
    (errors.RedirectError(URL, 307, "too many"), ExitCode.REFUSED, (URL, "307", AFTER, "too many")),
    (errors.UploadLocked("f", URL), ExitCode.USAGE, (URL,)),
    (errors.NotOffered(URL, 204, "it has no tus"), ExitCode.REFUSED, (URL, AFTER, "it has no tus")),
    (errors.UploadGone(URL, 404, "it is gone"), ExitCode.REFUSED, (URL, AFTER, "it is gone")),
    (
        errors.UploadTooLarge(URL, 413, 5000, 4000),
        ExitCode.REFUSED,
        (URL, AFTER, "at most 4000 bytes", "longer than the server takes"),
    ),
    (
        errors.WrongOffset(URL, 204, 9000, 1000, 5000),
        ExitCode.MISMATCH,
        (URL, AFTER, "9000 bytes", "was sent 5000", "send the file again"),
    ),
    (
        errors.RemoteError(URL, 503, "busy"),
        ExitCode.REFUSED,
        (URL, "busy", AFTER, "wait a while", "--retry 5"),
    ),
    (errors.ChunkedNotSupported(URL, 201), ExitCode.REFUSED, (URL, "HTTP/1.0", "known length")),
    (errors.RemoteError(URL, 415, "no"), ExitCode.REFUSED, (URL, AFTER, "-H 'Content-Type: ...'")),
    (errors.ConnectError(URL, 0, "refused"), ExitCode.LOST, (URL, AFTER, "refused")),
    (errors.TLSError(URL, 0, "no handshake"), ExitCode.LOST, (URL, AFTER, "no handshake")),
    (errors.ProxyError(URL, 0, "it says 403"), ExitCode.LOST, (URL, AFTER, "see --proxy")),
    (errors.ConnectionLost(URL, 9, "closed"), ExitCode.LOST, (URL, AFTER, "want https://")),
    (errors.ProtocolError(URL, 9, "no HTTP"), ExitCode.LOST, (URL, AFTER, "scheme and port")),
    (errors.NoProgress(URL, 9, 600, "refused"), ExitCode.LOST, (URL, AFTER, "600 s", "refused")),
    (errors.EarlySuccess(URL, 9, 200), ExitCode.LOST, (URL, AFTER, "not the whole")),
    (
        errors.ConnectTimeout(URL, 0, "late"),
        ExitCode.TIMEOUT,
        (URL, AFTER, LONGER, "--connect-timeout"),
    ),
    (errors.TLSTimeout(URL, 0, "late"), ExitCode.TIMEOUT, (URL, AFTER, "--connect-timeout")),
    (errors.StallTimeout(URL, 0, "late"), ExitCode.TIMEOUT, (URL, AFTER, "--stall-timeout")),
    (errors.ResponseTimeout(URL, 0, "late"), ExitCode.TIMEOUT, (URL, AFTER, "--response-timeout")),
    (errors.TotalTimeout(URL, 0, "late"), ExitCode.TIMEOUT, (URL, AFTER, "--max-time")),
]


@pytest.mark.parametrize(
    ("error", "code", "parts"), CASES, ids=[type(error).__name__ for error, _, _ in CASES]
)
def test_line_and_code(error: errors.FilebodyError, code: ExitCode, parts: tuple[str, ...]) -> None:
    line = failure_line(error, "f", URL, REACHED)
    assert len(line.splitlines()) == 1
    for part in ("f", *parts):
        assert part in line
    assert exit_code_of(error) == code


def test_every_error_is_among_them() -> None:
    # The bases are raised by nobody.
    bases = {"FilebodyError", "BodyError", "ResumeError", "TransferError", "TransferTimeout"}
    assert {type(error).__name__ for error, _, _ in CASES} == set(errors.__all__) - bases


def test_interrupted() -> None:
    line = failure_line(Interrupted(15), "f", URL, REACHED)
    for part in ("interrupted while sending f", URL, AFTER, "again"):
        assert part in line
    assert exit_code_of(Interrupted(15)) == 143


def test_lost_after_all_was_sent() -> None:
    reached = Reached(sent_bytes=5000, total_bytes=5000, is_out=True)
    line = failure_line(errors.ConnectionLost(URL, 5000, "closed"), "f", URL, reached)
    assert line.endswith("; ask there whether it has it, or try https://")
    line = failure_line(errors.ConnectionLost("https://h/f", 5000, "closed"), "f", URL, reached)
    assert line.endswith("; ask there whether it has it")


def test_lost_on_the_way_to_https() -> None:
    line = failure_line(errors.ConnectionLost("https://h/f", 9, "closed"), "f", URL, REACHED)
    assert "it may have refused the upload or be out of reach" in line


def test_advice_behind_a_question() -> None:
    error = errors.ProxyError(URL, 0, "is the server running?")
    assert " running? (see --proxy, " in failure_line(error, "f", URL, REACHED)


@pytest.mark.parametrize(
    ("status", "file_words", "form_words"),
    [
        (400, "bytes", "check the names of the fields"),
        (404, "check the URL", "check the URL"),
        (405, "another method: -X POST", "it may take no forms there"),
        (415, "Content-Type", "it may take no forms there"),
        (501, "try -X POST", "it may take no forms there"),
    ],
)
def test_forms_are_refused_for_other_reasons(status: int, file_words: str, form_words: str) -> None:
    error = errors.RemoteError(URL, status)
    assert file_words in failure_line(error, "f", URL, REACHED)
    form = Reached(sent_bytes=1000, total_bytes=5000, is_form=True)
    assert form_words in failure_line(error, "a form", URL, form)


def test_the_file_of_a_form_is_named() -> None:
    error = errors.BodyShrank("b\nc", 10, 20)
    line = failure_line(error, "a form with 2 files", URL, REACHED)
    assert line.startswith("b\\nc ended at byte 10 of 20")

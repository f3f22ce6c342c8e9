"""Every refusal that our sender repeats can pass; every other one ends the upload."""

from __future__ import annotations

import ast
import errno
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import filebody.receiver
from filebody.receiver._manner import NOT_STORABLE
from filebody.receiver._os_errors import refusal_of
from filebody.resumable._values import may_pass
from tests.receiver.resuming import (
    TUS,
    ask,
    draft,
    ietf_append,
    ietf_create,
    ietf_head,
    tus_append,
    tus_create,
    tus_head,
)

if TYPE_CHECKING:
    from tests.receiver.process import ReceiverProcess

# Module, status, a piece of the reason: why it can pass.
CAN_PASS = {
    ("_connection", 503, "too many connections"): "others end",
    ("_connection", 503, "too much is under way"): "others end",
    ("_connection", 408, "reason"): "the next request may come in time",
    ("_connection", 408, "head took too long"): "the next head may come in time",
    ("_coding", 503, "bodies are under way"): "others end",
    ("_download", 503, "too much is under way"): "others end",
    ("_exclusion", 503, "another receiver is at this upload"): "it ends, and its lock with it",
    ("_line", 500, "the receiver failed"): "a defect, or a disk that failed once",
    ("_placement", 507, "bytes are free"): "the disk is large enough, and others may be removed",
    ("_quota", 507, "unfinished uploads may have"): "the quota is large enough, and others end",
    ("_root", 503, "reason"): "the directory can be put back",
    ("_shelf", 503, "the receiver is stopping"): "another one is started",
    ("_shelf", 503, "too many uploads"): "others end or expire",
    ("_tus", 423, "is being stored"): "it ends",
    ("_tus", 460, "refusal.reason"): "the bytes are sent again",
}

ERRNOS_THAT_PASS = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.EMLINK,
    errno.ENFILE,
    errno.ENOENT,
    errno.ENOMEM,
    errno.ENOSPC,
    errno.ESTALE,
    errno.ETXTBSY,
}
ERRNOS_THAT_STAY = {
    errno.EACCES: 403,
    errno.EPERM: 403,
    errno.EROFS: 403,
    errno.ENAMETOOLONG: 400,
    errno.EINVAL: 400,
    errno.EILSEQ: 400,
    errno.ENOTDIR: 409,
    errno.EISDIR: 409,
    errno.ELOOP: 409,
    errno.EXDEV: 409,
    errno.EFBIG: 413,
}


def repeated() -> set[tuple[str, int, str]]:
    """Find each `Refusal` in the source whose status our sender takes for a passing one."""
    found = set()
    for path in Path(filebody.receiver.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "Refusal"):
                continue
            status = ast.unparse(node.args[0]).replace("TUS_CHECKSUM_MISMATCH", "460")
            if status.isdecimal() and may_pass(int(status)):
                found.add((path.stem, int(status), ast.unparse(node.args[1])))
    return found


def test_each_refusal_that_is_repeated_can_pass() -> None:
    left = set(CAN_PASS)
    for module, status, reason in repeated():
        known = [row for row in left if row[:2] == (module, status) and row[2] in reason]
        assert len(known) == 1, f"can this pass? {module}.py: {status} {reason}"
        left.remove(known[0])
    assert not left


def test_errors_of_the_operating_system() -> None:
    for number, status in ERRNOS_THAT_STAY.items():
        assert refusal_of(OSError(number, "said"), "file").status == status
        assert not may_pass(status)
    for number in ERRNOS_THAT_PASS:
        assert may_pass(refusal_of(OSError(number, "said"), "file").status)


def test_tus_clients_take_a_taken_name_for_final(receiver: ReceiverProcess) -> None:
    late = tus_create(receiver, 1, "/taken")
    (receiver.directory / "taken").touch()
    (receiver.directory / "directory").mkdir()
    for target in ("/taken", "/directory", "/taken/below"):
        for more in ((), ("If-None-Match: *",)):
            answer = ask(receiver, "POST", target, TUS, "Upload-Length: 1", *more, body=b"")
            assert answer.status == NOT_STORABLE
    assert tus_append(receiver, late, 0, b"x").status == NOT_STORABLE
    assert tus_head(receiver, late).status == 404
    assert tus_append(receiver, tus_create(receiver, 2), 1, b"x").status == 409


def test_clients_of_the_draft_take_a_taken_name_for_final(receiver: ReceiverProcess) -> None:
    late = ietf_create(receiver, "/taken")
    (receiver.directory / "taken").touch()
    answer = ask(receiver, "PUT", "/taken", draft(10), "Upload-Complete: ?1", body=b"x")
    assert answer.status == NOT_STORABLE
    answer = ask(
        receiver, "PUT", "/taken", draft(10), "Upload-Complete: ?1", "If-None-Match: *", body=b"x"
    )
    assert answer.status == 412
    answer = ietf_append(receiver, late, 0, b"x", complete=True)
    assert (answer.status, answer.fields["upload-complete"]) == (NOT_STORABLE, "?1")
    assert ietf_head(receiver, late).status == 404
    assert ietf_append(receiver, ietf_create(receiver, "/new"), 1, b"x").status == 409


def test_plain_clients_are_told_of_a_conflict(receiver: ReceiverProcess) -> None:
    (receiver.directory / "taken").touch()
    assert ask(receiver, "PUT", "/taken", body=b"x").status == 409


@pytest.mark.parametrize("status", [400, 403, 409, 412, 413, 415, NOT_STORABLE])
def test_our_sender_does_not_repeat(status: int) -> None:
    assert not may_pass(status)

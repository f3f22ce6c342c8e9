"""Request targets as events show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filebody.receiver._masking import shown_target
from tests.receiver.resuming import TUS, ask, tus_create

if TYPE_CHECKING:
    from tests.receiver.process import ReceiverProcess


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (b"/a/b", "/a/b"),
        (b"/a?token=secret&b=c", "/a?token=***&b=***"),
        (b"/a?secret", "/a?***"),
        (b"/a?", "/a?***"),
        (b"/.uploads/0123456789?x", "/.uploads/***?***"),
        (b"/a/.uploads/0123456789/x", "/a/.uploads/***/x"),
        (b"http://me:secret@host/a", "http://***@host/a"),
        (b"http://h/.uploads/secret", "http://h/.uploads/***"),
    ],
)
def test_shown(target: bytes, shown: str) -> None:
    assert shown_target(target) == shown


def test_no_event_shows_an_upload(receiver: ReceiverProcess) -> None:
    path = tus_create(receiver, 3)
    upload_id = path.rpartition("/")[2]
    assert ask(receiver, "PUT", f"{path}?secret", TUS, body=b"").status == 405
    concat = f"Upload-Concat: final;{path}"
    assert ask(receiver, "POST", "/x", TUS, concat, body=b"").status == 400
    told = str(receiver.events) + receiver.log
    assert upload_id not in told
    assert "secret" not in told
    assert len(receiver.events) == 2

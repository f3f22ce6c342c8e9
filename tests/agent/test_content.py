"""A request's body over its attempts."""

from __future__ import annotations

import io

import pytest
from twisted.logger import capturedLogs
from twisted.web.client import FileBodyProducer as TwistedFileBodyProducer

from filebody import BytesBody, IterableBody, NotReplayable
from filebody.agent._content import Content


def test_a_producer_that_cannot_be_stopped_before_it_began_hides_nothing() -> None:
    # Twisted's class raises AttributeError then (row 4 of the contract).
    with capturedLogs() as events:
        Content(TwistedFileBodyProducer(io.BytesIO(b"content"))).close()
    assert len(events) == 1


def test_what_was_not_begun_is_closed_once() -> None:
    content = Content(BytesBody(b"content"))
    content.close()
    content.close()
    assert content.is_stopped


def test_a_body_of_one_pass_has_no_second_one() -> None:
    content = Content(IterableBody(iter([b"content"])))
    content.next()
    content.begun()
    assert not content.is_replayable
    with pytest.raises(NotReplayable):
        content.next()


def test_what_is_no_body_is_refused() -> None:
    with pytest.raises(TypeError, match="str is no body"):
        Content("content")

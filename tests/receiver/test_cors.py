"""Pages of other origins, as browsers let them ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import TUS, TUS_TYPE, ask, located, tus_create

if TYPE_CHECKING:
    from collections.abc import Iterator

FRIEND = "https://friend.example"
ORIGIN = f"Origin: {FRIEND}"
STRANGER = "Origin: https://stranger.example"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(
        tmp_path_factory.mktemp("cors"), allow_origins=[FRIEND], token="secret"
    ) as process:
        yield process


def test_a_page_that_may(shared: ReceiverProcess) -> None:
    asked = "tus-resumable,upload-length,authorization"
    answer = ask(
        shared,
        "OPTIONS",
        "/",
        ORIGIN,
        "Access-Control-Request-Method: PATCH",
        f"Access-Control-Request-Headers: {asked}",
    )
    assert answer.status == 204
    assert answer.fields["access-control-allow-origin"] == FRIEND
    assert "PATCH" in answer.fields["access-control-allow-methods"].split(", ")
    assert answer.fields["access-control-allow-headers"] == asked
    assert answer.fields["vary"] == "Origin"

    token = "Authorization: Bearer secret"
    answer = ask(shared, "POST", "/x", ORIGIN, token, TUS, "Upload-Length: 1", body=b"")
    assert answer.status == 201
    assert answer.fields["access-control-allow-origin"] == FRIEND
    exposed = answer.fields["access-control-expose-headers"].lower().split(", ")
    assert {"location", "upload-offset", "tus-resumable"} <= set(exposed)
    path = located("/x", answer)
    answer = ask(shared, "PATCH", path, ORIGIN, token, TUS, TUS_TYPE, "Upload-Offset: 0", body=b"x")
    assert (answer.status, answer.fields["access-control-allow-origin"]) == (204, FRIEND)


def test_refusals_can_be_read_too(shared: ReceiverProcess) -> None:
    answer = ask(shared, "POST", "/x", ORIGIN, TUS, "Upload-Length: 1", body=b"")
    assert answer.status == 401
    assert answer.fields["access-control-allow-origin"] == FRIEND


def test_a_page_that_may_not(shared: ReceiverProcess) -> None:
    answer = ask(shared, "OPTIONS", "/", STRANGER, "Access-Control-Request-Method: PATCH")
    assert answer.status == 401
    token = "Authorization: Bearer secret"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = ask(shared, method, "/x", STRANGER, token, TUS, "Upload-Length: 1", body=b"")
        assert answer.status == 403, method
        assert "access-control-allow-origin" not in answer.fields


def test_any_page(receiver: ReceiverProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert ask(receiver, "PUT", "/x", STRANGER, body=b"").status == 403
    with ReceiverProcess(tmp_path_factory.mktemp("any"), allow_origins=["*"]) as open_to_all:
        answer = ask(open_to_all, "PUT", "/x", STRANGER, body=b"")
        assert answer.status == 201
        assert answer.fields["access-control-allow-origin"] == "https://stranger.example"
        # A list is no origin, nor is what has a blank at its end: it cannot be echoed.
        for fields in (
            ["Origin: http://a.example", "Origin: http://b.example"],
            ["Origin: http://a.example http://b.example"],
            ["Origin: http://a.exämple"],
            ["Origin: x"],
        ):
            answer = ask(open_to_all, "GET", "/", *fields)
            assert answer.status == 200, fields
            assert "access-control-allow-origin" not in answer.fields, fields
        answer = ask(open_to_all, "GET", "/", "Origin: http://a.example", "Origin:")
        assert answer.fields["access-control-allow-origin"] == "http://a.example"
        for asked in (" , x", "a b", "a,", "a\tb"):
            answer = ask(
                open_to_all,
                "OPTIONS",
                "/",
                STRANGER,
                "Access-Control-Request-Method: PUT",
                f"Access-Control-Request-Headers: {asked}",
                "Access-Control-Request-Headers:",
            )
            assert answer.status == 204, asked
            assert "access-control-allow-headers" not in answer.fields, asked
        # A page without an origin is one that somebody wanted to keep from having one.
        assert ask(open_to_all, "PUT", "/y", "Origin: null", body=b"").status == 403


def test_the_method_that_counts_is_the_one_that_is_checked(receiver: ReceiverProcess) -> None:
    path = tus_create(receiver, 3)
    for method, status in (("DELETE", 403), ("delete", 403), ("PATCH", 403), ("HEAD", 200)):
        override = f"X-HTTP-Method-Override: {method}"
        assert ask(receiver, "GET", path, STRANGER, TUS, override).status == status
    assert ask(receiver, "HEAD", path, TUS).status == 200

"""How exchanges end, as a table: what the server plays, what is sent, and what must come of it.

`test_cases.py` plays each case for each kind of body that it names, plain and over TLS.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from filebody import (
    BodyChanged,
    BodyShrank,
    ChunkedNotSupported,
    ConnectError,
    ConnectionLost,
    EarlySuccess,
    NotReplayable,
    ProtocolError,
    RedirectError,
    ResponseTimeout,
    StallTimeout,
    TLSTimeout,
    TotalTimeout,
    TransferTimeout,
    UsageError,
)
from filebody.agent import Expect, Options, Retries, Timeouts
from tests.agent.clients import EACH, ONE_SHOT, REPLAYABLE, Kind
from tests.peers.script import (
    Arrive,
    Close,
    CloseWithoutCloseNotify,
    HalfClose,
    ReadBody,
    ReadHead,
    Reset,
    Script,
    Send,
    SpeakPlain,
    Stall,
    Step,
    Wait,
)

SMALL = 30_000
# More than both ends' buffers hold: the client has to wait for the server.
LARGE = 6_000_000
# The same where the server reads on, and the client must not have sent all before it hears of that.
ENDLESS = 20_000_000
# How much of a large body a server reads before it does something.
SOME = 100_000

ENOUGH = (Kind.KNOWN, Kind.FOREIGN_UNKNOWN)

# Where nothing shall be waited for, or a server never says what it is waited for.
SHORT_SECONDS = 0.2
# Where a wait would show.
LONG_SECONDS = 50.0

# Whatever of a body reached the server.
ANYTHING = object()


@attrs.frozen
class Answered:
    """There is a response.

    Attributes:
        reasons: With one of these its body ends.
        trailers: Behind it.
    """

    status: int = 200
    body: bytes = b"ok"
    reasons: tuple[type[BaseException], ...] = (ResponseDone,)
    trailers: tuple[tuple[bytes, bytes], ...] = ()


@attrs.frozen
class Failed:
    """The request fails with one of these, with these attributes."""

    errors: tuple[type[Exception], ...]
    attributes: dict[str, Any] = attrs.field(factory=dict)


PLAINLY = Options(expect=Expect.NEVER, redirects=10)


@attrs.frozen(kw_only=True)
class Case:
    """One row.

    Attributes:
        name: As part of a test's.
        scripts: For each connection that is expected, neither more nor less.
        expected: What becomes of the request.
        other: For each connection to the other server, `{other}` in scripts.
        bodies: What kinds of body it is played with.
        secure: Whether over TLS; both by default.
        size: Of the body, in bytes.
        takes_up: The one script goes on where the client ends a connection: what is sent again may
            come on the same connection or on another one.
        warm: How many requests are answered by 200 before it.
        idle_end: The server ends the connection after those, and the agent has time to see it.
        spoil: What happens to the body's file when the script waits for "spoilt".
        complete: For each request that the server sees (but for those of `warm`): whether it got
            the whole body, or nothing, or an incomplete one.
        methods: Of these requests, if they are not all the case's own.
        has: Fields of the last one.
        lacks: Names of fields that the last one must not have.
        expects: Whether the first one has `Expect: 100-continue`; None if that does not matter.
        keeps: Whether the connection serves another request afterwards; None if it may.
        informational: The interim responses' status codes.
        attempts: The status codes or errors of what was tried again.
    """

    name: str
    scripts: tuple[Script, ...]
    expected: Answered | Failed = Answered()
    other: tuple[Script, ...] = ()
    bodies: tuple[Kind, ...] = REPLAYABLE
    secure: tuple[bool, ...] = (False, True)
    size: int = SMALL
    method: bytes = b"PUT"
    target: str = "/name"
    fields: tuple[tuple[bytes, bytes], ...] = ()
    options: Options = PLAINLY
    takes_up: bool = False
    warm: int = 0
    idle_end: bool = False
    spoil: Callable[[Path], None] | None = None
    complete: tuple[object, ...] = (True,)
    methods: tuple[bytes, ...] | None = None
    has: tuple[tuple[bytes, bytes], ...] = ()
    lacks: tuple[bytes, ...] = ()
    expects: bool | None = None
    keeps: bool | None = None
    informational: tuple[int, ...] = ()
    attempts: tuple[int | type[Exception], ...] = ()


CASES: list[Case] = []


def case(name: str, *scripts: Script, **facts: Any) -> None:
    """Put a case into the table."""
    CASES.append(Case(name=name, scripts=scripts, **facts))


def answer(status: int, body: bytes = b"", *fields: str, framing: str = "length") -> bytes:
    """A response as bytes; `framing` is length, chunked or close."""
    lines = [f"HTTP/1.1 {status} Said So", *fields]
    if framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        half = len(body) // 2
        body = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (body[:half], body[half:], b""))
    elif framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


OK = Send(answer(200, b"ok"))
CONTINUE = Send(b"HTTP/1.1 100 Continue\r\n\r\n")
WHOLE: tuple[Step, ...] = (ReadHead(), ReadBody(), OK)
BROKEN = (ConnectionLost,)


def expecting(**more: Any) -> Options:
    """Expect 100-continue, and wait for it longer than any test may last."""
    return Options(
        expect=Expect.ALWAYS,
        timeouts=Timeouts(continue_seconds=LONG_SECONDS),
        redirects=10,
        **more,
    )


def hasty(**seconds: float) -> Options:
    """With some timeouts that come soon, and no other."""
    return Options(expect=Expect.NEVER, timeouts=Timeouts(**seconds))


def trying(limit: int = 1, **more: Any) -> Options:
    """Try again, almost at once."""
    return Options(
        expect=Expect.NEVER, retries=Retries(limit=limit, first_delay_seconds=0.01, **more)
    )


def lost(**attributes: Any) -> Failed:
    return Failed(BROKEN, attributes)


def _expectations() -> None:
    """1xx, Expect and 417 (RFC 9110 sections 10.1.1, 15.2 and 15.5.18)."""
    case(
        "continue_is_waited_for",
        [ReadHead(), CONTINUE, ReadBody(), OK],
        bodies=EACH,
        options=expecting(),
        expects=True,
        keeps=True,
        informational=(100,),
    )
    case(
        "continue_never_comes",
        [ReadHead(), ReadBody(), OK],
        bodies=EACH,
        options=Options(expect=Expect.ALWAYS, timeouts=Timeouts(continue_seconds=0.05)),
        expects=True,
        keeps=True,
    )
    case(
        "continue_comes_late",
        [ReadHead(), ReadBody(SOME), CONTINUE, ReadBody(), OK],
        size=LARGE,
        options=Options(expect=Expect.ALWAYS, timeouts=Timeouts(continue_seconds=0.05)),
        keeps=True,
        informational=(100,),
    )
    case(
        "continue_twice",
        [ReadHead(), CONTINUE, ReadBody(), CONTINUE, OK],
        options=expecting(),
        keeps=True,
        informational=(100, 100),
    )
    for end, ending in ENDINGS.items():
        for status in (401, 413):
            case(
                f"no_{status}_instead_of_continue_then_{end}",
                [ReadHead(), Send(answer(status, b"no")), *ending],
                expected=Answered(status, b"no"),
                bodies=EACH,
                options=expecting(),
                complete=(None,),
                expects=True,
                keeps=False,
            )
    case(
        "success_instead_of_continue",
        [ReadHead(), OK, Close()],
        # It does not want the body, and has nothing of it: not what a success of an upload is.
        expected=Failed((EarlySuccess,), {"status": 200, "offset": 0}),
        options=expecting(),
        complete=(None,),
    )
    case(
        "lost_instead_of_continue",
        [ReadHead(), Reset()],
        expected=lost(offset=0),
        options=expecting(),
        complete=(None,),
    )
    case(
        "expectation_refused",
        [ReadHead(), Send(answer(417)), Stall()],
        WHOLE,
        # No pass has begun: those that can be read once can be read.
        bodies=(*REPLAYABLE, *ONE_SHOT),
        options=expecting(),
        complete=(None, True),
        expects=True,
        lacks=(b"expect",),
        keeps=True,
    )
    case(
        "expectation_refused_though_there_is_none_left",
        [ReadHead(), Send(answer(417)), Stall()],
        [ReadHead(), ReadBody(), Send(answer(417, b"still"))],
        expected=Answered(417, b"still"),
        options=expecting(),
        complete=(None, True),
    )
    case(
        "expectation_refused_though_there_was_none",
        [ReadHead(), ReadBody(), Send(answer(417, b"no"))],
        expected=Answered(417, b"no"),
        expects=False,
    )
    case(
        "expectation_refused_late",
        [ReadHead(), ReadBody(SOME), Send(answer(417, b"no")), Stall()],
        expected=Answered(417, b"no"),
        bodies=ONE_SHOT,
        size=LARGE,
        options=Options(expect=Expect.ALWAYS, timeouts=Timeouts(continue_seconds=0.05)),
        complete=(False,),
    )
    others = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n"
    case(
        "other_interim_responses",
        [ReadHead(), ReadBody(), Send(others), Send(others), OK],
        bodies=(*EACH, Kind.NONE),
        informational=(102, 103, 102, 103),
        keeps=True,
    )
    case(
        "other_interim_responses_are_no_continue",
        [ReadHead(), Send(others), Send(answer(413, b"no")), Stall()],
        expected=Answered(413, b"no"),
        options=expecting(),
        informational=(102, 103),
        complete=(None,),
    )
    case(
        "refused_right_behind_the_continue",
        [ReadHead(), Send(CONTINUE.data + answer(413, b"no")), Close()],
        expected=Answered(413, b"no"),
        size=LARGE,
        options=expecting(),
        informational=(100,),
        complete=(None,),
    )
    case(
        "interim_responses_while_it_is_sent",
        [ReadHead(), ReadBody(SOME), Send(others, by=5), ReadBody(), Send(others + OK.data)],
        size=LARGE,
        bodies=EACH,
        informational=(102, 103, 102, 103),
        keeps=True,
    )
    case(
        "continue_unasked",
        [ReadHead(), CONTINUE, ReadBody(), OK],
        bodies=(*REPLAYABLE, Kind.NONE),
        expects=False,
        informational=(100,),
        keeps=True,
    )
    case(
        "switching_protocols_unasked",
        [ReadHead(), ReadBody(), Send(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")],
        expected=Failed((ProtocolError,)),
        keeps=False,
    )
    script = [ReadHead(), ReadBody(), OK]
    large = Options(timeouts=Timeouts(continue_seconds=0.05))
    case("expects_if_large", script, size=1_100_000, options=large, expects=True)
    known, unknown = (Kind.KNOWN, Kind.FOREIGN), (Kind.UNKNOWN, Kind.FOREIGN_UNKNOWN)
    case("expects_not_if_small", script, bodies=known, options=large, expects=False)
    case("expects_if_unknown", script, bodies=unknown, options=large, expects=True)
    case(
        "expects_not_without_body", script, bodies=(Kind.NONE,), options=expecting(), expects=False
    )
    case("expects_not_if_empty", script, size=0, bodies=known, options=expecting(), expects=False)


ENDINGS: dict[str, tuple[Step, ...]] = {
    "close": (Arrive(), Close()),
    "half_close": (HalfClose(),),
    "reset": (Arrive(), Reset()),
    "silence": (Stall(),),
}


def _early_responses() -> None:
    """Final responses while the body is being sent (RFC 9112 section 9.3)."""
    said = b'{"error": "this is not wanted here, and here is why"}'
    for status, framing, by, (end, ending) in itertools.product(
        (413,), ("length", "chunked", "close"), (None, 7), ENDINGS.items()
    ):
        if framing == "close" and end == "silence":
            continue
        case(
            f"early_{status}_by_{framing}{'' if by is None else '_in_pieces'}_then_{end}",
            [
                ReadHead(),
                ReadBody(SOME),
                Send(answer(status, said, framing=framing), by=by),
                *ending,
            ],
            expected=Answered(
                status, said, (PotentialDataLoss,) if framing == "close" else (ResponseDone,)
            ),
            # How the answer is framed and what the body is do not depend on each other.
            bodies=EACH if framing == "length" and end != "half_close" else ENOUGH,
            size=ENDLESS if end == "half_close" else LARGE,
            complete=(False,),
            keeps=False,
        )
    for status in (300, 400, 401, 403, 500, 503):
        case(
            f"early_{status}",
            [ReadHead(), ReadBody(SOME), Send(answer(status, said)), Close()],
            expected=Answered(status, said),
            size=LARGE,
            complete=(False,),
        )
    case(
        "early_at_once",
        [ReadHead(), Send(answer(413, said)), Arrive(), Reset()],
        expected=Answered(413, said),
        bodies=EACH,
        size=LARGE,
        complete=(ANYTHING,),
    )
    long_text = bytes(range(256)) * 2000
    for framing in ("length", "chunked", "close"):
        case(
            f"early_with_a_long_body_by_{framing}",
            [
                ReadHead(),
                ReadBody(SOME),
                Send(answer(413, long_text, framing=framing)),
                HalfClose(),
            ],
            expected=Answered(
                413,
                long_text,
                (PotentialDataLoss,) if framing == "close" else (ResponseDone,),
            ),
            size=ENDLESS,
            complete=(False,),
            keeps=False,
        )
    case(
        "early_by_close_but_it_does_not_close",
        [ReadHead(), ReadBody(SOME), Send(answer(413, said, framing="close")), Stall()],
        expected=Answered(413, said, (StallTimeout,)),
        size=LARGE,
        options=hasty(stall_seconds=SHORT_SECONDS),
        complete=(False,),
        keeps=False,
    )
    case(
        "early_and_cut_short",
        [ReadHead(), ReadBody(SOME), Send(answer(413, said)[:-5]), Arrive(), Close()],
        expected=Answered(413, said[:-5], BROKEN),
        size=LARGE,
        complete=(False,),
        keeps=False,
    )
    case(
        "early_head_cut_short",
        [ReadHead(), ReadBody(SOME), Send(b"HTTP/1.1 413 Too Lar"), Close()],
        expected=lost(),
        size=LARGE,
        complete=(False,),
    )
    for end in ("close", "reset", "half_close"):
        case(
            f"early_success_then_{end}",
            [ReadHead(), ReadBody(SOME), OK, *ENDINGS[end]],
            expected=Failed((EarlySuccess,), {"status": 200}),
            bodies=ENOUGH if end == "half_close" else EACH,
            size=ENDLESS if end == "half_close" else LARGE,
            complete=(False,),
            keeps=False,
        )
    for framing in ("length", "chunked"):
        case(
            f"early_success_by_{framing}_then_reads_on",
            [ReadHead(), ReadBody(SOME), Send(answer(200, b"ok", framing=framing)), ReadBody()],
            bodies=EACH,
            size=LARGE,
        )
    case(
        "early_success_by_close_then_reads_on",
        [
            ReadHead(),
            ReadBody(SOME),
            Send(answer(200, b"o", framing="close")),
            ReadBody(),
            Send(b"k"),
            Close(),
        ],
        expected=Answered(200, b"ok", (PotentialDataLoss,)),
        size=LARGE,
        keeps=False,
    )
    case(
        "early_success_then_silence",
        [ReadHead(), ReadBody(SOME), OK, Stall()],
        # Either says the truth: it stands still, and it has not everything.
        expected=Failed((StallTimeout, EarlySuccess)),
        size=LARGE,
        options=hasty(stall_seconds=SHORT_SECONDS),
        complete=(False,),
        keeps=False,
    )


def _dead_connections() -> None:
    """Pooled connections that have ended (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1)."""
    deaths: dict[str, Script] = {
        "after_the_head": [*WHOLE, ReadHead(), Close()],
        "in_the_body": [*WHOLE, ReadHead(), ReadBody(5000), Reset()],
        "after_the_body": [*WHOLE, ReadHead(), ReadBody(), Close()],
        "after_the_body_by_reset": [*WHOLE, ReadHead(), ReadBody(), Reset()],
    }
    for when, script in deaths.items():
        whole = "after_the_body" in when
        seen = True if whole else ANYTHING
        case(f"pooled_dies_{when}", script, WHOLE, warm=1, complete=(seen, True), keeps=True)
        case(
            f"pooled_dies_{when}_of_a_post",
            script,
            expected=lost(),
            method=b"POST",
            warm=1,
            complete=(seen,),
        )
        case(
            f"pooled_dies_{when}_of_a_post_that_may",
            script,
            WHOLE,
            method=b"POST",
            options=Options(expect=Expect.NEVER, retries=Retries(any_method=True)),
            warm=1,
            complete=(seen, True),
        )
        case(
            f"pooled_dies_{when}_of_one_shot",
            script,
            expected=lost(),
            bodies=ONE_SHOT,
            warm=1,
            complete=(seen,),
        )
    case(
        "pooled_is_closed_while_idle",
        [*WHOLE, Close()],
        WHOLE,
        bodies=(*EACH, Kind.ONE_SHOT),
        warm=1,
        idle_end=True,
        keeps=True,
    )
    case(
        "pooled_is_reset_while_idle",
        [*WHOLE, Wait("idle"), Reset()],
        WHOLE,
        bodies=(*EACH, Kind.ONE_SHOT),
        warm=1,
        idle_end=True,
        keeps=True,
    )
    case(
        "pooled_says_goodbye_while_idle",
        [*WHOLE, Wait("idle"), Send(answer(408, b"", "Connection: close")), Close()],
        WHOLE,
        bodies=EACH,
        method=b"POST",
        warm=1,
        idle_end=True,
        keeps=True,
    )
    case(
        "pooled_dies_in_the_response",
        [*WHOLE, ReadHead(), ReadBody(), Send(b"HTTP/1.1 2"), Close()],
        expected=lost(),
        warm=1,
    )
    case(
        "pooled_dies_in_the_response_body",
        [*WHOLE, ReadHead(), ReadBody(), Send(OK.data[:-1]), Close()],
        expected=Answered(200, b"o", BROKEN),
        warm=1,
    )
    case(
        "pooled_dies_and_so_does_the_next",
        [*WHOLE, ReadHead(), ReadBody(), Close()],
        [ReadHead(), ReadBody(), Close()],
        expected=lost(),
        warm=1,
        complete=(True, True),
    )
    case("new_one_dies", [ReadHead(), ReadBody(), Close()], expected=lost(offset=SMALL))
    # Depending on who is faster, there is a connection for a moment.
    case("new_one_dies_at_once", [Reset()], expected=Failed((*BROKEN, ConnectError)), complete=())
    case("pooled_is_used_again", [*WHOLE, *WHOLE, *WHOLE], warm=2, bodies=EACH, keeps=True)


def _redirections() -> None:
    """RFC 9110 section 15.4."""

    def to(status: int, where: str = "{here}/there") -> Send:
        return Send(answer(status, b"moved", f"Location: {where}"))

    for status in (307, 308, 301, 302):
        case(
            f"moved_{status}",
            [ReadHead(), ReadBody(), to(status), *WHOLE],
            takes_up=True,
            complete=(True, True),
            keeps=True,
        )
    for status in (307, 308):
        case(
            f"moved_post_{status}",
            [ReadHead(), ReadBody(), to(status, "/there"), *WHOLE],
            takes_up=True,
            method=b"POST",
            complete=(True, True),
        )
        case(
            f"moved_{status}_one_shot",
            [ReadHead(), ReadBody(), to(status)],
            expected=Failed((NotReplayable,), {"response.code": status}),
            bodies=ONE_SHOT,
        )
        case(
            f"moved_{status}_while_it_is_sent",
            [ReadHead(), ReadBody(SOME), to(status), Stall()],
            WHOLE,
            size=LARGE,
            complete=(False, True),
            keeps=True,
        )
        case(
            f"moved_{status}_instead_of_continue",
            [ReadHead(), to(status), Stall()],
            [ReadHead(), CONTINUE, ReadBody(), OK],
            # Not begun yet: one-shot bodies go along.
            bodies=(*REPLAYABLE, *ONE_SHOT),
            options=expecting(),
            complete=(None, True),
            expects=True,
            informational=(100,),
        )
    for status in (301, 302, 303):
        case(
            f"moved_post_{status}",
            [ReadHead(), ReadBody(), to(status), *WHOLE],
            takes_up=True,
            method=b"POST",
            fields=((b"content-type", b"text/plain"), (b"x-mine", b"1")),
            bodies=(*REPLAYABLE, *ONE_SHOT),
            complete=(True, True),
            methods=(b"POST", b"GET"),
            has=((b"x-mine", b"1"),),
            lacks=(b"content-type", b"content-length", b"transfer-encoding"),
        )
    case(
        "see_other_after_put",
        [ReadHead(), ReadBody(), to(303), *WHOLE],
        takes_up=True,
        bodies=(*REPLAYABLE, *ONE_SHOT),
        complete=(True, True),
        methods=(b"PUT", b"GET"),
        lacks=(b"content-length", b"transfer-encoding"),
        keeps=True,
    )
    secrets = (
        (b"authorization", b"Bearer x"),
        (b"cookie", b"a=b"),
        (b"private-token", b"x"),
        (b"x-mine", b"1"),
        (b"accept-language", b"en"),
    )
    case(
        "moved_within_an_origin_keeps_credentials",
        [ReadHead(), ReadBody(), to(307), *WHOLE],
        takes_up=True,
        fields=secrets,
        complete=(True, True),
        has=secrets,
    )
    case(
        "moved_across_origins_drops_credentials",
        [ReadHead(), ReadBody(), to(307, "{other}/there")],
        other=(WHOLE,),
        fields=secrets,
        complete=(True, True),
        has=secrets[-1:],
        lacks=tuple(name for name, _ in secrets[:-1]),
    )
    case(
        "moved_too_often",
        [*(ReadHead(), ReadBody(), to(307)) * 3],
        takes_up=True,
        expected=Failed((RedirectError,), {"status": 307, "response.code": 307}),
        options=Options(expect=Expect.NEVER, redirects=2),
        complete=(True, True, True),
    )
    case(
        "moved_and_not_followed",
        [ReadHead(), ReadBody(), to(307)],
        expected=Answered(307, b"moved"),
        bodies=(*REPLAYABLE, *ONE_SHOT),
        options=Options(expect=Expect.NEVER),
        keeps=True,
    )
    case(
        "moved_to_nowhere",
        [ReadHead(), ReadBody(), to(307, "mailto:nobody")],
        expected=Failed((RedirectError,), {"status": 307, "response.code": 307}),
    )
    case(
        "moved_without_saying_where",
        [ReadHead(), ReadBody(), Send(answer(307, b"moved"))],
        expected=Answered(307, b"moved"),
    )


def _retries() -> None:
    def say(status: int, *fields: str) -> Send:
        return Send(answer(status, b"later", *fields))

    for status in (408, 425, 429, 500, 502, 503, 504):
        case(
            f"again_after_{status}",
            [ReadHead(), ReadBody(), say(status), *WHOLE],
            takes_up=True,
            options=trying(),
            complete=(True, True),
            attempts=(status,),
            keeps=True,
        )
    for status in (400, 404, 413, 501):
        case(
            f"not_again_after_{status}",
            [ReadHead(), ReadBody(), say(status)],
            expected=Answered(status, b"later"),
            options=trying(),
        )
    case(
        "again_until_the_limit",
        [*(ReadHead(), ReadBody(), say(503)) * 3],
        takes_up=True,
        expected=Answered(503, b"later"),
        options=trying(2),
        complete=(True, True, True),
        attempts=(503, 503),
        keeps=True,
    )
    case(
        "not_again_by_default",
        [ReadHead(), ReadBody(), say(503)],
        expected=Answered(503, b"later"),
    )
    case(
        "again_after_a_lost_connection",
        [ReadHead(), ReadBody(), Reset()],
        WHOLE,
        options=trying(),
        complete=(True, True),
        attempts=(ConnectionLost,),
    )
    case(
        "again_after_an_early_answer",
        [ReadHead(), ReadBody(SOME), say(503), Close()],
        WHOLE,
        size=LARGE,
        options=trying(),
        complete=(False, True),
        attempts=(503,),
    )
    case(
        "again_after_a_stall",
        [ReadHead(), ReadBody(SOME), Stall()],
        WHOLE,
        size=LARGE,
        options=attrs.evolve(trying(), timeouts=Timeouts(stall_seconds=SHORT_SECONDS)),
        complete=(False, True),
        attempts=(StallTimeout,),
    )
    case(
        "lost_until_the_limit",
        *[[ReadHead(), ReadBody(), Reset()]] * 2,
        expected=lost(),
        options=trying(),
        complete=(True, True),
        attempts=(ConnectionLost,),
    )
    case(
        "not_again_a_post",
        [ReadHead(), ReadBody(), say(503)],
        expected=Answered(503, b"later"),
        method=b"POST",
        options=trying(),
    )
    case(
        "again_a_post_that_may",
        [ReadHead(), ReadBody(), say(503), *WHOLE],
        takes_up=True,
        method=b"POST",
        options=trying(any_method=True),
        complete=(True, True),
        attempts=(503,),
    )
    case(
        "not_again_one_shot",
        [ReadHead(), ReadBody(), say(503)],
        expected=Answered(503, b"later"),
        bodies=ONE_SHOT,
        options=trying(),
        keeps=True,
    )
    case(
        "not_again_one_shot_that_was_lost",
        [ReadHead(), ReadBody(), Reset()],
        expected=lost(),
        bodies=ONE_SHOT,
        options=trying(),
    )
    case(
        "retry_after_is_longer_than_we_wait",
        [ReadHead(), ReadBody(), say(503, "Retry-After: 3600")],
        expected=Answered(503, b"later"),
        options=trying(),
    )
    case(
        "no_time_for_another_attempt",
        [ReadHead(), ReadBody(), say(503)],
        expected=Answered(503, b"later"),
        options=trying(within_seconds=0.0),
    )
    case(
        "total_time_ends_a_wait",
        [ReadHead(), ReadBody(), say(503, "Retry-After: 50")],
        expected=Failed((TotalTimeout,)),
        options=attrs.evolve(trying(), timeouts=Timeouts(total_seconds=SHORT_SECONDS)),
        attempts=(503,),
    )


def _cut_short(path: Path) -> None:
    os.truncate(path, SOME + 1)


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _bodies() -> None:
    """Bodies that are not what they were: the server never gets a complete request."""
    script = [ReadHead(), ReadBody(SOME), Wait("spoilt")]
    for what, spoil, error in (
        ("shrinks", _cut_short, BodyShrank),
        ("is_touched", _touch, BodyChanged),
        ("grows", _grow, BodyChanged),
    ):
        case(
            f"body_{what}",
            script,
            # A shrinking file has also changed.
            expected=Failed((error,) if error is BodyChanged else (BodyShrank, BodyChanged)),
            bodies=(Kind.KNOWN, Kind.PRODUCER),
            size=LARGE,
            # Also if asked to: it would not be what was promised.
            options=trying(3),
            spoil=spoil,
            complete=(False,),
            keeps=False,
        )


def _timeouts() -> None:
    case(
        "tls_handshake_never_ends",
        [SpeakPlain(), Stall()],
        expected=Failed((TLSTimeout,), {"offset": 0}),
        secure=(True,),
        options=hasty(tls_seconds=SHORT_SECONDS),
        complete=(),
        keeps=False,
    )
    for kind in EACH:
        case(
            f"stalls_in_the_body_{kind.value}",
            [ReadHead(), ReadBody(SOME), Stall()],
            expected=Failed((StallTimeout,)),
            bodies=(kind,),
            size=LARGE,
            options=hasty(stall_seconds=SHORT_SECONDS),
            complete=(False,),
            keeps=False,
        )
    case(
        "no_response",
        [ReadHead(), ReadBody()],
        expected=Failed((ResponseTimeout,), {"offset": SMALL}),
        bodies=EACH,
        options=hasty(response_seconds=SHORT_SECONDS),
        keeps=False,
    )
    case(
        "half_a_response_head",
        [ReadHead(), ReadBody(), Send(b"HTTP/1.1 200 OK\r\nContent-")],
        expected=Failed((ResponseTimeout,), {"offset": SMALL}),
        options=hasty(response_seconds=SHORT_SECONDS),
        keeps=False,
    )
    case(
        "half_a_response_body",
        [ReadHead(), ReadBody(), Send(OK.data[:-1])],
        expected=Answered(200, b"o", (StallTimeout,)),
        options=hasty(stall_seconds=SHORT_SECONDS),
        keeps=False,
    )
    soon = hasty(total_seconds=SHORT_SECONDS)
    total = Failed((TotalTimeout,))
    case(
        "total_in_tls",
        [SpeakPlain(), Stall()],
        expected=total,
        secure=(True,),
        options=soon,
        complete=(),
    )
    case(
        "total_in_the_body",
        [ReadHead(), ReadBody(SOME), Stall()],
        expected=total,
        size=LARGE,
        bodies=EACH,
        options=soon,
        complete=(False,),
        keeps=False,
    )
    case("total_before_the_response", [*WHOLE[:2]], expected=total, options=soon, keeps=False)
    case(
        "total_before_continue",
        [ReadHead()],
        expected=total,
        options=attrs.evolve(
            expecting(),
            timeouts=Timeouts(total_seconds=SHORT_SECONDS, continue_seconds=LONG_SECONDS),
        ),
        complete=(None,),
        keeps=False,
    )
    case(
        "total_in_the_response_body",
        [*WHOLE[:2], Send(OK.data[:-1])],
        expected=Answered(200, b"o", (TotalTimeout,)),
        options=soon,
        keeps=False,
    )
    assert issubclass(TotalTimeout, TransferTimeout)


def _responses() -> None:
    """How a response's body is delimited (RFC 9112 section 6.3), and what is none."""
    none = (Kind.NONE,)
    for status in (204, 304):
        case(
            f"no_body_{status}",
            [ReadHead(), ReadBody(), Send(f"HTTP/1.1 {status} No\r\n\r\n".encode())],
            expected=Answered(status, b""),
            method=b"GET" if status == 304 else b"PUT",
            bodies=none if status == 304 else REPLAYABLE,
            keeps=True,
        )
    case(
        "head_has_no_body",
        [ReadHead(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")],
        expected=Answered(200, b""),
        method=b"HEAD",
        bodies=none,
        keeps=True,
    )
    case("empty", [*WHOLE[:2], Send(answer(201))], expected=Answered(201, b""), keeps=True)
    old = b"HTTP/1.0 %d Old\r\nLocation: /page\r\nContent-Length: 2\r\n\r\nok"
    for status in (200, 201, 303):
        case(
            f"chunks_answered_{status}_as_1_0",
            [*WHOLE[:2], Send(old % status)],
            expected=Failed((ChunkedNotSupported,), {"status": status}),
            bodies=(Kind.UNKNOWN, Kind.ONE_SHOT_UNKNOWN, Kind.FOREIGN_UNKNOWN),
            keeps=False,
        )
    case(
        "chunks_refused_as_1_0",
        [*WHOLE[:2], Send(old % 411)],
        expected=Answered(411, b"ok"),
        bodies=(Kind.UNKNOWN, Kind.ONE_SHOT_UNKNOWN),
        keeps=False,
    )
    case(
        "length_answered_as_1_0",
        [*WHOLE[:2], Send(old % 200)],
        expected=Answered(200, b"ok"),
        bodies=(Kind.KNOWN, Kind.ONE_SHOT),
        keeps=False,
    )
    trailer = answer(200, b"ok", framing="chunked")[:-2] + b"X-Digest: abc\r\n\r\n"
    case(
        "trailers",
        [*WHOLE[:2], Send(trailer)],
        expected=Answered(200, b"ok", trailers=((b"x-digest", b"abc"),)),
        keeps=True,
    )
    case(
        "by_close",
        [*WHOLE[:2], Send(answer(200, b"ok", framing="close")), Close()],
        expected=Answered(200, b"ok", (PotentialDataLoss,)),
        keeps=False,
    )
    case(
        "by_close_without_close_notify",
        [*WHOLE[:2], Send(answer(200, b"ok", framing="close")), CloseWithoutCloseNotify()],
        # Nothing says that this was all (RFC 9112 section 9.8).
        expected=Answered(200, b"ok", (ConnectionLost,)),
        secure=(True,),
        keeps=False,
    )
    case(
        "by_length_without_close_notify",
        [*WHOLE, CloseWithoutCloseNotify()],
        secure=(True,),
        keeps=False,
    )
    case(
        "truncated",
        [*WHOLE[:2], Send(OK.data[:-1]), Close()],
        expected=Answered(200, b"o", BROKEN),
        keeps=False,
    )
    case(
        "truncated_by_reset",
        [*WHOLE[:2], Send(OK.data[:-1]), Arrive(), Reset()],
        expected=Answered(200, b"o", BROKEN),
        keeps=False,
    )
    chunks = answer(200, b"ok", framing="chunked")
    case(
        "truncated_chunks",
        [*WHOLE[:2], Send(chunks[:-2]), Close()],
        expected=Answered(200, b"ok", BROKEN),
        keeps=False,
    )
    case(
        "bad_chunks",
        [*WHOLE[:2], Send(chunks[: chunks.index(b"1\r\no")] + b"what\r\n")],
        expected=Answered(200, b"", (ProtocolError,)),
        keeps=False,
    )
    for name, garbage in {
        "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
        "status": b"HTTP/1.1 abc OK\r\n\r\n",
        "http2": b"HTTP/2.0 200 OK\r\n\r\n",
        "field": b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n12",
        "coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n12",
        "binary": bytes(range(256)),
        "large_head": answer(200, b"ok", "X: " + "x" * 150_000),
        "endless_head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 150_000,
    }.items():
        case(
            f"garbage_{name}",
            [*WHOLE[:2], Send(garbage)],
            expected=Failed((ProtocolError,), {"offset": SMALL}),
            keeps=False,
        )
    case(
        "garbage_while_it_is_sent",
        [ReadHead(), ReadBody(SOME), Send(b"SSH-2.0-OpenSSH_9.2\r\n"), Stall()],
        expected=Failed((ProtocolError,)),
        size=LARGE,
        complete=(False,),
        keeps=False,
    )
    for framing, text in {"length": OK.data, "chunks": chunks, "trailers": trailer}.items():
        case(f"byte_by_byte_{framing}", [*WHOLE[:2], Send(text, by=1)], keeps=True)
    case("bytes_after_it", [*WHOLE[:2], Send(OK.data + b"HTTP/1.1 200 stale")], keeps=False)
    case("two_at_once", [*WHOLE[:2], Send(OK.data * 2)], bodies=EACH, keeps=False)
    case(
        "connection_close",
        [*WHOLE[:2], Send(answer(200, b"ok", "Connection: close"))],
        bodies=EACH,
        keeps=False,
    )
    case(
        "http_1_0",
        [*WHOLE[:2], Send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")],
        bodies=(Kind.KNOWN, Kind.ONE_SHOT),
        keeps=False,
    )
    case(
        "http_1_0_by_close",
        [*WHOLE[:2], Send(b"HTTP/1.0 200 OK\r\n\r\nok"), Close()],
        expected=Answered(200, b"ok", (PotentialDataLoss,)),
        bodies=(Kind.KNOWN, Kind.ONE_SHOT),
        keeps=False,
    )
    case(
        "we_say_connection_close",
        [*WHOLE],
        fields=((b"connection", b"close"),),
        has=((b"connection", b"close"),),
        keeps=False,
    )


def _usage() -> None:
    """What is refused before a byte is sent."""
    refused: dict[str, tuple[tuple[Kind, ...], tuple[tuple[bytes, bytes], ...]]] = {
        "other_length": ((Kind.KNOWN, Kind.FOREIGN, Kind.PRODUCER), ((b"content-length", b"5"),)),
        "no_length": ((Kind.KNOWN,), ((b"content-length", b"abc"),)),
        "length_of_unknown": (
            (Kind.UNKNOWN, Kind.FOREIGN_UNKNOWN),
            ((b"content-length", b"30000"),),
        ),
        "length_of_nothing": ((Kind.NONE,), ((b"content-length", b"5"),)),
        "two_lengths": (
            (Kind.KNOWN,),
            ((b"content-length", b"30000"), (b"content-length", b"5")),
        ),
        "gzip": (EACH, ((b"transfer-encoding", b"gzip"),)),
        "chunked_and_length": (
            REPLAYABLE,
            ((b"transfer-encoding", b"chunked"), (b"content-length", b"30000")),
        ),
        "nul": ((*REPLAYABLE, Kind.NONE), ((b"x-mine", b"a\0b"),)),
    }
    for name, (kinds, fields) in refused.items():
        case(
            f"refused_{name}",
            expected=Failed((UsageError,)),
            bodies=kinds,
            secure=(False,),
            fields=fields,
            complete=(),
        )
    unsendable: dict[str, dict[str, Any]] = {
        "method": {"method": b"PUT /x HTTP/1.1\r\nA:"},
        "empty_method": {"method": b""},
        "target": {"target": "/x HTTP/1.1\r\nA: b"},
        "space": {"target": "/x y"},
    }
    for name, facts in unsendable.items():
        case(
            f"refused_{name}",
            expected=Failed((UsageError,)),
            secure=(False,),
            complete=(),
            **facts,
        )
    case("same_length", [*WHOLE], bodies=(Kind.KNOWN, Kind.FOREIGN), fields=SAME, has=SAME)
    case(
        "same_coding",
        [*WHOLE],
        bodies=(Kind.UNKNOWN, Kind.FOREIGN_UNKNOWN),
        fields=((b"transfer-encoding", b"chunked"),),
    )
    case(
        "no_injection",
        [*WHOLE],
        # Twisted's Headers makes one line of it.
        fields=((b"x-mine", b"a\r\nx-other: b"),),
        lacks=(b"x-other",),
    )


SAME = ((b"content-length", b"%d" % SMALL),)


def _plain_sailing() -> None:
    for size in (0, 1, 65_536, 1_000_001, LARGE):
        case(f"success_{size}", [*WHOLE], bodies=EACH, size=size, keeps=True)
    for method in (b"GET", b"DELETE", b"POST"):
        case(
            f"success_{method.decode().lower()}_without_body",
            [*WHOLE],
            bodies=(Kind.NONE,),
            method=method,
            keeps=True,
        )


for _rows in (
    _plain_sailing,
    _expectations,
    _early_responses,
    _dead_connections,
    _redirections,
    _retries,
    _bodies,
    _timeouts,
    _responses,
    _usage,
):
    _rows()


def variants(one: Case) -> Iterator[tuple[str, Kind, bool]]:
    """The test's name, kind of body and whether over TLS, for each way to play a case."""
    for kind, secure in itertools.product(one.bodies, one.secure):
        yield f"{one.name}__{kind.value}_{'tls' if secure else 'plain'}", kind, secure

"""Rate limits: exact on average, smooth, fair, and gone from the reactor when nobody waits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.task import Clock

from filebody import UsageError
from filebody.agent._rate import RateLimit, RateLimits
from tests.long import by_form, long

PLENTY = 1 << 20


def pump(clock: Clock, seconds: float, *, late: float = 0.0) -> None:
    """Let so much time go by, from timer to timer; each is `late` by so much."""
    until = clock.seconds() + seconds
    while calls := clock.getDelayedCalls():
        due = min(call.getTime() for call in calls) + late
        if due > until:
            break
        clock.advance(max(0.0, due - clock.seconds()))
    clock.advance(max(0.0, until - clock.seconds()))


class Upload:
    """Sends as much as `limit` lets it, in pieces of at most `piece` bytes."""

    def __init__(self, limit: RateLimit | RateLimits, piece: int = PLENTY) -> None:
        self.sent = 0
        self.largest = 0
        self.leave: Callable[[], None] = lambda: None
        self._limit = limit
        self._piece = piece

    def go(self) -> None:
        while granted := self._limit.take(self._piece):
            self.sent += granted
            self.largest = max(self.largest, granted)
        self.leave = self._limit.wait(self.go)


@pytest.mark.parametrize("rate", [1, 3.7, 30, 1000, 65_536, 10e6, 5e9])
def test_average_is_exact(rate: float) -> None:
    clock = Clock()
    upload = Upload(RateLimit(rate, clock))
    upload.go()
    pump(clock, 20)
    assert upload.sent == pytest.approx(20 * rate, abs=0.0501 * rate + 1)
    assert upload.largest <= max(1, 0.0501 * rate)


@pytest.mark.parametrize("late", [0.001, 0.01, 0.029])
def test_late_timers_cost_nothing(late: float) -> None:
    clock = Clock()
    upload = Upload(RateLimit(10e6, clock))
    upload.go()
    pump(clock, 20, late=late)
    assert upload.sent == pytest.approx(200e6, abs=0.0501 * 10e6)


def test_clock_that_shows_the_date_is_exact_enough() -> None:
    clock = Clock()
    clock.rightNow = 1.8e9  # its smallest step is 0.24 microseconds
    upload = Upload(RateLimit(5e9, clock))
    upload.go()
    pump(clock, 5)
    assert upload.sent == pytest.approx(25e9, abs=0.06 * 5e9)


def test_clock_that_goes_back_only_waits() -> None:
    clock = Clock()
    clock.rightNow = 1000.0
    limit = RateLimit(1000, clock)
    assert limit.take(PLENTY) == 50
    clock.rightNow = 900.0
    assert limit.take(PLENTY) == 0
    clock.advance(0.025)
    assert limit.take(PLENTY) == 25


def test_idle_time_is_not_made_up_for() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    clock.advance(3600)
    assert limit.take(PLENTY) == 50
    assert limit.take(PLENTY) == 0
    assert not clock.getDelayedCalls()


def test_crumbs_are_not_handed_out_unless_they_are_all_that_is_wanted() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    assert limit.take(45) == 45
    assert limit.take(6) == 0
    assert limit.take(5) == 5
    clock.advance(0.019)
    assert limit.take(PLENTY) == 0
    clock.advance(0.001)
    assert limit.take(PLENTY) == 20


def test_what_is_given_back_can_be_taken_again_but_does_not_pile_up() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    assert limit.take(50) == 50
    limit.give_back(30)
    assert limit.take(PLENTY) == 30
    clock.advance(1)
    limit.give_back(30)
    assert limit.take(PLENTY) == 50


def test_no_limit_grants_everything_and_still_gives_turns_by_the_reactor() -> None:
    clock = Clock()
    limit = RateLimit(None, clock)
    assert limit.take(PLENTY) == PLENTY
    limit.give_back(PLENTY)
    turns: list[int] = []
    limit.wait(lambda: turns.append(limit.take(PLENTY)))
    assert turns == []
    clock.advance(0)
    assert turns == [PLENTY]
    assert not clock.getDelayedCalls()


def test_default_clock_is_the_reactor() -> None:
    limit = RateLimit(1e9)
    assert 0 < limit.take(1000) <= 1000
    limit.wait(lambda: None)()


@pytest.mark.parametrize("rate", [0, -1, -0.0, math.inf, -math.inf, math.nan])
def test_what_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="bytes per second above 0"):
        RateLimit(rate)
    limit = RateLimit(7)
    with pytest.raises(UsageError):
        limit.bytes_per_second = rate
    assert limit.bytes_per_second == 7


def test_who_has_no_turn_gets_nothing_while_somebody_waits() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    limit.take(PLENTY)
    turns: list[int] = []
    limit.wait(lambda: turns.append(limit.take(PLENTY)))
    clock.advance(0.0199)
    assert limit.take(1) == 0
    clock.advance(0.0001)
    assert turns == [20]
    assert limit.take(1) == 0
    clock.advance(0.001)
    assert limit.take(1) == 1


def test_turns_come_in_order_and_who_waits_again_is_last() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    limit.take(PLENTY)
    turns: list[str] = []

    def stand(name: str) -> None:
        def ready() -> None:
            turns.append(name)
            limit.take(PLENTY)
            stand(name)

        limit.wait(ready)

    for name in "abc":
        stand(name)
    pump(clock, 0.125)
    assert "".join(turns) == "abcabc"


@pytest.mark.parametrize("count", [2, 7, 100])
@pytest.mark.parametrize("rate", [1000, 1e6, 100e6])
def test_everybody_has_the_same_whatever_their_pieces(count: int, rate: float) -> None:
    clock = Clock()
    limit = RateLimit(rate, clock)
    uploads = [Upload(limit, piece=PLENTY if number % 2 else 1000) for number in range(count)]
    for upload in uploads:
        upload.go()
    pump(clock, 4)
    sent = [upload.sent for upload in uploads]
    # Who comes first has the bucket that was full; after that nobody is ahead by more than a turn.
    assert max(sent) - min(sent) <= 0.07 * rate + 1
    assert sum(sent) == pytest.approx(4 * rate, abs=0.0501 * rate + 1)


def test_many_share_a_turn_so_that_nobody_waits_for_long() -> None:
    clock = Clock()
    limit = RateLimit(1e6, clock)
    uploads = [Upload(limit) for _ in range(1000)]
    for upload in uploads:
        upload.go()
    pump(clock, 4.2)  # 4 KiB for each take 4.1 s
    assert min(upload.sent for upload in uploads) == 4096


def test_who_leaves_the_line_has_no_turn_and_leaves_no_timer() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    limit.take(PLENTY)
    turns: list[str] = []
    leave_first = limit.wait(lambda: turns.append("first"))
    leave_second = limit.wait(lambda: turns.append("second"))
    leave_first()
    leave_first()
    assert len(clock.getDelayedCalls()) == 1
    pump(clock, 1)
    assert turns == ["second"]
    leave_second()
    limit.take(PLENTY)
    limit.wait(lambda: turns.append("third"))()
    assert not clock.getDelayedCalls()
    assert turns == ["second"]


def test_who_has_its_turn_may_take_another_out_of_the_line() -> None:
    clock = Clock()
    limit = RateLimit(None, clock)
    turns: list[str] = []
    leaves: list[Callable[[], None]] = []

    def first() -> None:
        turns.append("first")
        leaves[0]()

    limit.wait(first)
    leaves.append(limit.wait(lambda: turns.append("second")))
    limit.wait(lambda: turns.append("third"))
    pump(clock, 0)
    assert turns == ["first", "third"]
    assert not clock.getDelayedCalls()


def test_what_a_turn_raises_is_not_the_matter_of_the_next_one() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    limit.take(PLENTY)
    turns: list[int] = []

    def fails() -> None:
        raise ZeroDivisionError

    limit.wait(fails)
    limit.wait(lambda: turns.append(limit.take(PLENTY)))
    with pytest.raises(ZeroDivisionError):
        clock.advance(0.02)
    assert limit.take(1) == 0
    pump(clock, 1)
    assert turns == [20]


@pytest.mark.parametrize(("rate", "seconds"), [(100_000, 0.001), (10, 0.1), (None, 0.0)])
def test_a_new_rate_counts_from_when_it_is_set(rate: float | None, seconds: float) -> None:
    clock = Clock()
    limit = RateLimit(1, clock)
    assert limit.take(1) == 1
    turns: list[int] = []
    limit.wait(lambda: turns.append(limit.take(1)))
    limit.bytes_per_second = rate
    assert limit.bytes_per_second == rate
    pump(clock, max(0.02, seconds + 0.001))
    assert turns == [1]
    assert not clock.getDelayedCalls()


def test_a_lower_rate_leaves_no_more_than_its_own_bucket() -> None:
    clock = Clock()
    limit = RateLimit(1e6, clock)
    limit.bytes_per_second = 1000
    assert limit.take(PLENTY) == 50
    limit.bytes_per_second = None
    limit.bytes_per_second = 2000
    assert limit.take(PLENTY) == 100


def test_of_several_limits_the_tightest_counts_and_the_others_lose_nothing() -> None:
    clock = Clock()
    wide, tight = RateLimit(10_000, clock), RateLimit(1000, clock)
    both = RateLimits((tight, None, wide, tight))
    assert both.take(PLENTY) == 50
    assert wide.take(PLENTY) == 450
    assert both.take(1) == 0
    clock.advance(0.04)
    assert tight.take(30) == 30
    assert both.take(10) == 10
    both.give_back(10)
    assert tight.take(10) == 10
    assert wide.take(400) == 400
    backwards = RateLimits((wide, tight))
    clock.advance(0.05)
    assert backwards.take(PLENTY) == 50
    assert wide.take(PLENTY) == 450


def test_no_limits_are_no_limit() -> None:
    none = RateLimits((None,))
    assert none.take(PLENTY) == PLENTY
    none.give_back(1)
    none.wait(lambda: None)()


def test_uploads_with_a_tighter_limit_of_their_own_leave_the_rest_to_the_others() -> None:
    clock = Clock()
    wide = RateLimit(1e6, clock)
    slow = [Upload(RateLimits((RateLimit(1000, clock), wide))) for _ in range(100)]
    shared = RateLimit(200_000, clock)
    pair = [Upload(RateLimits((shared, wide))) for _ in range(2)]
    free = [Upload(wide) for _ in range(2)]
    for upload in (*slow, *pair, *free):
        upload.go()
    pump(clock, 10)
    for upload in slow:
        assert upload.sent == pytest.approx(10_000, rel=0.05)
    for upload in pair:
        assert upload.sent == pytest.approx(1_000_000, rel=0.05)
    for upload in free:
        assert upload.sent == pytest.approx(3_500_000, rel=0.05)
    for upload in (*slow, *pair, *free):
        upload.leave()
    assert not clock.getDelayedCalls()


def test_who_had_to_wait_for_a_tighter_limit_keeps_its_place_at_the_wider_one() -> None:
    clock = Clock()
    wide, tight = RateLimit(1000, clock), RateLimit(1000, clock)
    both = RateLimits((tight, wide))
    turns: list[tuple[str, float]] = []

    def stand(name: str, limit: RateLimit | RateLimits) -> None:
        limit.wait(lambda: turns.append((name, limit.take(PLENTY))))

    tight.take(PLENTY)
    stand("first", both)
    clock.advance(0.01)
    wide.take(PLENTY)
    stand("second", wide)
    pump(clock, 0.015)
    assert turns == []  # the first one is now in the line of the wide limit
    pump(clock, 0.05)
    assert turns == [("first", 20), ("second", 20)]


def test_limit_that_could_serve_is_not_taken_from_in_front_of_its_line() -> None:
    clock = Clock()
    wide, tight = RateLimit(1e6, clock), RateLimit(None, clock)
    turns: list[str] = []
    wide.take(PLENTY)
    wide.wait(lambda: turns.append("first"))
    clock.advance(0.015)  # enough for a turn, but turns come when there is enough for several
    RateLimits((tight, wide)).wait(lambda: turns.append("second"))
    clock.advance(0.001)
    assert turns == []
    pump(clock, 0.1)
    assert turns == ["first", "second"]


@attrs.define
class Record:
    """What a limit handed out (less what came back), and how fast it was meant to be, when."""

    limit: RateLimit
    grants: list[tuple[float, int]] = attrs.Factory(list)
    rates: list[tuple[float, float | None]] = attrs.Factory(list)

    def check(self) -> None:
        """No span of time may hold more than its rate gives and 100 ms worth besides."""
        for index, (first, _) in enumerate(self.grants):
            total = 0
            for last, count in self.grants[index:]:
                total += count
                assert total <= self._allowed(first, last) + 1e-3

    def _allowed(self, first: float, last: float) -> float:
        allowed = 0.0
        peak = 0.0
        ends = [*(start for start, _ in self.rates[1:]), math.inf]
        for (start, rate), end in zip(self.rates, ends, strict=True):
            if end < first or start > last:
                continue
            if rate is None:
                return math.inf
            allowed += rate * (min(end, last) - max(start, first))
            peak = max(peak, rate)
        return allowed + max(0.1 * peak, 1 + 0.03 * peak)


RATES = st.none() | st.floats(0.5, 100) | st.floats(100, 1e8)
COUNTS = st.integers(1, 100) | st.integers(1, 1 << 24)


class Limits(RuleBasedStateMachine):
    """A wide limit, two within it, and uploads of every kind that do whatever they like."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.records = [Record(RateLimit(rate, self.clock)) for rate in (1e6, 1e4, 3.0)]
        for record in self.records:
            record.rates.append((0.0, record.limit.bytes_per_second))
        self.waiting: list[Callable[[], None]] = []

    def ways(self, kind: int) -> Sequence[Record]:
        wide = self.records[0]
        return (wide,) if kind == 0 else (self.records[kind], wide)

    def limit(self, kind: int) -> RateLimit | RateLimits:
        if kind == 0:
            return self.records[0].limit
        return RateLimits(record.limit for record in self.ways(kind))

    def book(self, kind: int, count: int) -> None:
        for record in self.ways(kind):
            record.grants.append((self.clock.seconds(), count))

    @rule(kind=st.integers(0, 2), wanted=COUNTS, back=st.floats(0, 1))
    def take(self, kind: int, wanted: int, back: float) -> None:
        limit = self.limit(kind)
        taken = limit.take(wanted)
        assert 0 <= taken <= wanted
        self.book(kind, taken)
        unsent = int(back * taken)
        limit.give_back(unsent)
        self.book(kind, -unsent)

    @rule(kind=st.integers(0, 2), wanted=COUNTS, again=st.integers(0, 2))
    def wait(self, kind: int, wanted: int, again: int) -> None:
        limit = self.limit(kind)

        def ready() -> None:
            nonlocal again
            self.waiting.remove(leaves.pop())
            taken = limit.take(wanted)
            assert 1 <= taken <= wanted
            self.book(kind, taken)
            if again:
                again -= 1
                stand()

        def stand() -> None:
            leaves.append(limit.wait(ready))
            self.waiting.append(leaves[-1])

        leaves: list[Callable[[], None]] = []
        stand()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1)))()

    @rule(which=st.integers(0, 2), rate=RATES)
    def change(self, which: int, rate: float | None) -> None:
        record = self.records[which]
        record.limit.bytes_per_second = rate
        record.rates.append((self.clock.seconds(), rate))

    @rule(seconds=st.floats(0, 0.2) | st.floats(0, 10), late=st.sampled_from([0.0, 0.004, 0.5]))
    def go_on(self, seconds: float, late: float) -> None:
        pump(self.clock, seconds, late=late)

    @invariant()
    def there_is_a_timer_only_for_those_who_wait(self) -> None:
        timers = len(self.clock.getDelayedCalls())
        assert bool(timers) == bool(self.waiting)
        assert timers <= len(self.records)

    def teardown(self) -> None:
        # A turn takes 2 s at the lowest rate, at every one of its limits.
        pump(self.clock, 10 + 5 * sum(3 for _ in self.waiting))
        assert not self.waiting, "somebody was not served"
        assert not self.clock.getDelayedCalls()
        for record in self.records:
            record.check()


TestLimits = long(Limits.TestCase)
TestLimits.settings = settings(
    max_examples=by_form(quick=30, long=1000), stateful_step_count=50, deadline=None
)

"""A bucket that fills at a rate, and the line of those who want something out of it.

Who wants something out of several buckets stands in the line of one that is short for it, at the
place that its age gives it there. When all of them have enough, it has its turn at all of them: no
bucket is held up by one that waits for another one.
"""

from __future__ import annotations

import itertools
import math
from bisect import insort
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Final, cast

from filebody.clock import monotonic

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Bucket", "Place"]

# Turns begin when there are 20 ms worth: seldom for the reactor, often enough to look smooth.
# The bucket holds 30 ms more, so that a timer that is late costs nothing. Both stay below 100 ms.
_BATCH_SECONDS: Final = 0.02
_SPARE_SECONDS: Final = 0.03
# One turn is a part of that, the same for everybody whoever else waits, or the shares would not be
# fair. It is small, so that many have a turn soon, but not less than a few packets.
_TURNS_IN_BATCH: Final = 16
_LEAST_BYTES: Final = 4096
# Clocks are floats: what is this near counts as there, and the bucket owes what it lacked.
_NEAR_SECONDS: Final = 1e-6
_SHORTEST_WAIT_SECONDS: Final = 1e-3

_age = attrgetter("number")
_numbers = itertools.count()


class Bucket:
    """So many bytes, more of them as time goes by, and who waits for them.

    Args:
        rate: Bytes per second, or None for as many as anybody likes.
        clock: Where the timer is set; None for the running reactor.
    """

    def __init__(self, rate: float | None, clock: IReactorTime | None) -> None:
        self._rate = rate
        self._given_clock = None if clock is None else cast("IReactorTime", monotonic(clock))
        self._level = math.inf  # full, whatever full is
        self._level_at = -math.inf
        self._line: list[Place] = []  # by age
        self._left_of_turn: int | None = None  # of the turn that is under way, if one is
        self._timer: IDelayedCall | None = None

    @property
    def rate(self) -> float | None:
        """Bytes per second; a new rate counts from when it is set."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._fill()
        self._rate = rate
        self._fill()  # what is there may be more than it holds now
        self._set_timer()

    def take(self, wanted: int) -> int:
        """Take out what may be taken of `wanted` bytes: in a turn, or when nobody waits."""
        if self._rate is None:
            return wanted
        if self._left_of_turn is not None:
            granted = min(wanted, self._left_of_turn)
            self._left_of_turn -= granted
        elif self._line:
            return 0
        else:
            self._fill()
            granted = min(wanted, self._there)
            if granted < min(wanted, self._batch_bytes):
                return 0  # a crumb: better to wait for more
        self._level -= granted
        return granted

    def give_back(self, count: int) -> None:
        """Put back so many bytes."""
        self._level += count
        self._fill()
        self._set_timer()

    def can_serve(self, place: Place) -> bool:
        """Whether `place`, which is not in the line, could have its turn now."""
        if self._line and self._line[0].number < place.number:
            return False
        self._fill()
        return self._rate is None or self._there >= self._turn_bytes

    def enter(self, place: Place) -> None:
        """Put `place` into the line."""
        insort(self._line, place, key=_age)
        self._set_timer()

    def quit(self, place: Place) -> None:
        """Take `place` out of the line."""
        self._line.remove(place)
        self._set_timer()

    def begin_turn(self) -> None:
        """Until `end_turn`, let one turn's worth be taken."""
        self._left_of_turn = self._turn_bytes

    def end_turn(self) -> None:
        """Let the others have what was not taken."""
        self._left_of_turn = None

    @property
    def _clock(self) -> IReactorTime:
        if self._given_clock is None:
            from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

            self._given_clock = cast("IReactorTime", monotonic(reactor))
        return self._given_clock

    @property
    def _batch_bytes(self) -> int:
        """What has to be there before turns begin."""
        return 0 if self._rate is None else max(1, int(self._rate * _BATCH_SECONDS))

    @property
    def _turn_bytes(self) -> int:
        """How much one turn is."""
        return max(self._batch_bytes // _TURNS_IN_BATCH, min(self._batch_bytes, _LEAST_BYTES))

    @property
    def _there(self) -> int:
        """What may be taken, in whole bytes, if there is a rate."""
        return 0 if self._rate is None else int(self._level + self._rate * _NEAR_SECONDS)

    def _fill(self) -> None:
        """Add what has come since the last time."""
        if self._rate is None:
            self._level = math.inf
            return
        now = self._clock.seconds()
        come = max(0.0, now - self._level_at) * self._rate
        self._level = min(self._batch_bytes + self._rate * _SPARE_SECONDS, self._level + come)
        self._level_at = now

    def _set_timer(self) -> None:
        """Have turns begin when there is enough; no timer while nobody waits."""
        if not self._line:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            return
        delay = 0.0
        if self._rate is not None:
            self._fill()
            if self._there < self._batch_bytes:
                lacking = self._batch_bytes - self._level
                delay = max(_SHORTEST_WAIT_SECONDS, lacking / self._rate)
        if self._timer is None:
            self._timer = self._clock.callLater(delay, self._serve)
        else:
            self._timer.reset(delay)

    def _serve(self) -> None:
        """Give turns in order, round and round, while there is enough for one."""
        self._timer = None
        self._fill()
        turns = max(len(self._line), self._there // max(1, self._turn_bytes))
        try:
            for _ in range(turns):  # not for ever, if somebody waits again without having taken
                self._fill()
                if not self._line or (self._rate is not None and self._there < self._turn_bytes):
                    break
                self._line.pop(0).come_up()
        finally:
            self._set_timer()


class Place:
    """The place in line of one who wants something out of `buckets`.

    Args:
        buckets: At least one.
        ready: Called once, when all of them may be asked.

    Attributes:
        number: The older the place, the lower.
    """

    def __init__(self, buckets: Sequence[Bucket], ready: Callable[[], None]) -> None:
        self.number = next(_numbers)
        self._buckets = buckets
        self._ready = ready
        self._stands_at: Bucket | None = None
        self._stand_at(self._short_one() or buckets[0])

    def come_up(self) -> None:
        """Have the turn, or go where something is lacking; called when taken out of the line."""
        self._stands_at = None
        short = self._short_one()
        if short is not None:
            self._stand_at(short)
            return
        for bucket in self._buckets:
            bucket.begin_turn()
        try:
            self._ready()
        finally:
            for bucket in self._buckets:
                bucket.end_turn()

    def leave(self) -> None:
        """Have no turn any more."""
        stands_at, self._stands_at = self._stands_at, None
        if stands_at is not None:
            stands_at.quit(self)

    def _stand_at(self, bucket: Bucket) -> None:
        self._stands_at = bucket
        bucket.enter(self)

    def _short_one(self) -> Bucket | None:
        return next((bucket for bucket in self._buckets if not bucket.can_serve(self)), None)

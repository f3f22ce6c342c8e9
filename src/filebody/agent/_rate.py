"""How fast: limits that many uploads share fairly and that can be changed while they run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from filebody.agent._bucket import Bucket, Place
from filebody.errors import UsageError

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

__all__ = ["RateLimit", "RateLimits"]


class RateLimit:
    """So many bytes per second, in all, for everything that has it.

    In any span of time no more is handed out than the rate gives for it and 50 ms worth besides (or
    a byte, if that is more). What was not used while nobody sent is not made up for. While nobody
    waits, it has nothing in the reactor.

    Args:
        bytes_per_second: More than 0; None for no limit.
        clock: Where its timer is set; by default the running reactor, once it is needed.

    Raises:
        UsageError: If `bytes_per_second` is not a finite number above 0.
    """

    def __init__(self, bytes_per_second: float | None, clock: IReactorTime | None = None) -> None:
        self._bucket = Bucket(_checked(bytes_per_second), clock)

    @property
    def bytes_per_second(self) -> float | None:
        """The rate; None for no limit. It may be set at any time and counts from then on.

        Raises:
            UsageError: When it is set to what is not a finite number above 0; nothing changes.
        """
        return self._bucket.rate

    @bytes_per_second.setter
    def bytes_per_second(self, bytes_per_second: float | None) -> None:
        self._bucket.rate = _checked(bytes_per_second)

    def take(self, wanted: int) -> int:
        """Take bytes out, to send them now.

        While somebody waits, only who has its turn is granted anything. Crumbs are not handed out:
        it is better to wait for more.

        Args:
            wanted: How many bytes could be sent.

        Returns:
            How many of them may be; they count as sent. When that is 0, `wait`.
        """
        return self._bucket.take(wanted)

    def give_back(self, count: int) -> None:
        """Put back what was taken and then not sent after all.

        Args:
            count: How many bytes.
        """
        self._bucket.give_back(count)

    def wait(self, ready: Callable[[], None]) -> Callable[[], None]:
        """Stand in line.

        Args:
            ready: Called once, by the reactor, when it is its turn: what it takes before it returns
                is granted, at least a byte. Who wants more after that waits again, at the end of
                the line. Who cannot send just then had better not wait: the turn passes.

        Returns:
            What takes it out of the line; after the turn that does nothing.
        """
        return Place((self._bucket,), ready).leave


class RateLimits:
    """Several limits as one: that of an upload and that of the agent, say.

    None of them is held up by who waits for another one. That everybody is served is certain where
    limits are nested: where all who have the tighter one have the wider one too.

    Args:
        limits: What to keep to. None among them is left out; without any, there is no limit.
    """

    def __init__(self, limits: Iterable[RateLimit | None]) -> None:
        self._limits = tuple(dict.fromkeys(limit for limit in limits if limit is not None))

    def take(self, wanted: int) -> int:
        """Take from all of them what the tightest one grants; see `RateLimit.take`."""
        granted = wanted
        for index, limit in enumerate(self._limits):
            asked, granted = granted, limit.take(granted)
            if granted < asked:
                for earlier in self._limits[:index]:
                    earlier.give_back(asked - granted)
            if not granted:
                break
        return granted

    def give_back(self, count: int) -> None:
        """Put back into all of them; see `RateLimit.give_back`."""
        for limit in self._limits:
            limit.give_back(count)

    def wait(self, ready: Callable[[], None]) -> Callable[[], None]:
        """Stand in line for all of them; see `RateLimit.wait`."""
        limits = self._limits or (RateLimit(None),)
        buckets = tuple(limit._bucket for limit in limits)  # noqa: SLF001 - theirs, and so ours
        return Place(buckets, ready).leave


def _checked(bytes_per_second: float | None) -> float | None:
    """Return what was given, if it can be a rate."""
    if bytes_per_second is None or (math.isfinite(bytes_per_second) and bytes_per_second > 0):
        return bytes_per_second
    raise UsageError(
        f"a rate limit is a finite number of bytes per second above 0, or None for no limit; "
        f"{bytes_per_second} is neither"
    )

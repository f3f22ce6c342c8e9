"""What every body producer promises, as one check."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer
from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyObject

__all__ = ["check_producer"]

# How long a producer that must not do anything is watched, and how often it may hesitate.
_QUIET_SECONDS = 0.02
_PATIENCE_SECONDS = 10.0


def check_producer(make_producer: Callable[[], IBodyProducer], content: bytes) -> Deferred[None]:
    """Check that a body producer keeps the contract under a consumer that does all it may do.

    It runs on the global reactor, so that producers which need threads, timers or descriptors can
    be checked too; use it from a trial test, or `await` it in a coroutine that the reactor runs.
    It takes some tenths of a second: what must not happen is waited for.

    Args:
        make_producer: Makes a fresh producer of the same content each time it is called.
        content: What every producer must write; at least 2 bytes, in at least 2 pieces.

    Returns:
        Fires with None when every rule was kept. Fails with AssertionError, which says the rule
        that was broken. Cancelling it stops the check where it stands.

    Raises:
        Nothing itself: what a producer raises at a call fails the Deferred.

    Source: `twisted.web.iweb.IBodyProducer`, `twisted.internet.interfaces.IPushProducer`.
    """
    return Deferred.fromCoroutine(_check(make_producer, content))


async def _check(make_producer: Callable[[], IBodyProducer], content: bytes) -> None:
    for rule in _RULES:
        trial = _Trial(make_producer(), content)
        try:
            await rule(trial)
        except AssertionError as error:
            raise AssertionError(f"{rule.__doc__} {error}".strip()) from error
        except Exception as error:
            raise AssertionError(f"{rule.__doc__} It raised {error!r}.") from error
        finally:
            trial.end()


@implementer(IConsumer)
class _Trial:
    """A producer under one rule, and the consumer of its bytes."""

    def __init__(self, producer: IBodyProducer, content: bytes) -> None:
        self.producer = producer
        self.content = content
        self.pieces: list[bytes] = []
        self.outcome: list[Any] = []
        self.on_write: Callable[[], object] = lambda: None
        self._is_forbidden = False
        self._wrong: list[bytes] = []

    @property
    def has_known_length(self) -> bool:
        return self.producer.length is not UNKNOWN_LENGTH

    @property
    def written(self) -> bytes:
        return b"".join(self.pieces)

    def write(self, data: bytes) -> None:
        if self._is_forbidden:
            self._wrong.append(data)
        self.pieces.append(data)
        self.on_write()

    def pause(self) -> None:
        """Pause; a write is wrong until `resume`."""
        self._is_forbidden = True
        self.producer.pauseProducing()

    def resume(self) -> None:
        """Resume; writes are right again."""
        self._is_forbidden = False
        self.producer.resumeProducing()

    def stop(self) -> None:
        """Stop; a write is wrong from now on."""
        self._is_forbidden = True
        self.producer.stopProducing()

    def registerProducer(self, producer: object, streaming: bool) -> None:  # noqa: ARG002
        raise AssertionError("A body producer must not register itself with its consumer.")

    def unregisterProducer(self) -> None:
        raise AssertionError("A body producer must not unregister from its consumer.")

    def start(self) -> Deferred[None]:
        deferred: Deferred[None] = self.producer.startProducing(self)
        deferred.addBoth(self.outcome.append)
        return deferred

    async def until(self, happened: Callable[[], object], what: str) -> None:
        """Let the reactor run until something has happened."""
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

        waited = 0.0
        while not happened():
            _require(waited < _PATIENCE_SECONDS, f"For {waited:.0f} seconds, {what}.")
            await deferLater(reactor, 0.001)
            waited += 0.001

    async def ended(self) -> None:
        await self.until(lambda: self.outcome, "its Deferred did not fire")

    async def first_write(self) -> None:
        await self.until(lambda: self.pieces, "nothing was written")

    async def stays_quiet(self) -> None:
        """Let the reactor run for a while; nothing may have been written that was forbidden."""
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

        await deferLater(reactor, _QUIET_SECONDS)
        _require(not self._wrong, f"It wrote {self._wrong!r}.")

    def stayed_silent(self) -> None:
        _require(not self.outcome, f"Its Deferred gave {self.outcome}.")

    def succeeded(self) -> None:
        _require(not self._wrong, f"It wrote {self._wrong!r}.")
        _require(self.outcome == [None], f"Its Deferred gave {self.outcome[0]!r}.")
        _require(self.written == self.content, f"It wrote {self.written!r}.")

    def end(self) -> None:
        """Leave nothing running, whatever the rule found."""
        self.on_write = lambda: None
        with contextlib.suppress(Exception):  # it may be broken, as was said
            self.producer.stopProducing()


async def _interface(trial: _Trial) -> None:
    """A producer provides IBodyProducer, and its length is exact or UNKNOWN_LENGTH."""
    try:
        verifyObject(IBodyProducer, trial.producer)
    except Invalid as error:
        raise AssertionError(str(error)) from error
    length = trial.producer.length
    _require(length in (len(trial.content), UNKNOWN_LENGTH), f"It is {length!r}.")


async def _everything(trial: _Trial) -> None:
    """A producer writes everything, as bytes, and then fires its Deferred with None."""
    trial.start()
    await trial.ended()
    for piece in trial.pieces:
        _require(isinstance(piece, bytes), f"It wrote {type(piece).__name__}.")
    trial.succeeded()
    _require(len(trial.pieces) > 1, "Check it with content that it writes in several pieces.")


async def _pause(trial: _Trial) -> None:
    """A paused producer writes nothing, and one resume ends any number of pauses."""

    def pause_twice() -> None:
        trial.pause()
        trial.pause()

    trial.on_write = pause_twice
    trial.start()
    await trial.first_write()
    await trial.stays_quiet()
    trial.on_write = lambda: None
    trial.resume()
    await trial.ended()
    trial.succeeded()


async def _pause_and_resume_in_a_write(trial: _Trial) -> None:
    """A consumer may pause and resume from within a write."""

    def pause_and_resume() -> None:
        trial.pause()
        trial.resume()

    trial.on_write = pause_and_resume
    trial.start()
    await trial.ended()
    trial.succeeded()


async def _needless_calls(trial: _Trial) -> None:
    """Resuming while running, and pausing and resuming after the end, do nothing."""
    trial.on_write = trial.producer.resumeProducing
    trial.start()
    trial.producer.resumeProducing()
    await trial.ended()
    trial.succeeded()
    for call in (trial.producer.pauseProducing, trial.producer.resumeProducing):
        call()
    trial.producer.stopProducing()
    await trial.stays_quiet()


async def _stop_in_a_write(trial: _Trial) -> None:
    """A producer that was stopped writes nothing more, and its Deferred never fires."""

    def stop() -> None:
        trial.stop()
        trial.stop()

    trial.on_write = stop
    trial.start()
    await trial.first_write()
    trial.producer.resumeProducing()
    await trial.stays_quiet()
    trial.stayed_silent()


async def _stop_and_raise_in_a_write(trial: _Trial) -> None:
    """A consumer that stops a producer and raises stops it all the same."""

    def stop_and_raise() -> None:
        trial.stop()
        raise _Refused

    trial.on_write = stop_and_raise
    trial.start()
    await trial.first_write()
    await trial.stays_quiet()
    trial.stayed_silent()


async def _stop_before_start(trial: _Trial) -> None:
    """A producer may be stopped before it was started; then it never does anything."""
    trial.stop()
    trial.start()
    await trial.stays_quiet()
    trial.stayed_silent()


async def _write_that_raises(trial: _Trial) -> None:
    """What a write raises fails the Deferred, and ends production."""

    def refuse() -> None:
        raise _Refused

    trial.on_write = refuse
    trial.start()
    await trial.ended()
    outcome = trial.outcome[0]
    _require(isinstance(outcome, Failure), f"It gave {outcome!r}.")
    _require(outcome.check(_Refused), f"It failed with {outcome.value!r}.")
    await trial.stays_quiet()


def _require(condition: object, otherwise: str) -> None:
    """An assertion that also holds under `python -O`."""
    if not condition:
        raise AssertionError(otherwise)


async def _cancel(trial: _Trial) -> None:
    """A cancelled producer is silent if its length is known, else fails with CancelledError."""
    trial.on_write = trial.producer.pauseProducing
    deferred = trial.start()
    await trial.first_write()
    deferred.cancel()
    trial.producer.resumeProducing()
    await trial.stays_quiet()
    if trial.has_known_length:
        trial.stayed_silent()
    else:
        _require(trial.outcome, "It did not fire.")
        _require(isinstance(trial.outcome[0], Failure), f"It gave {trial.outcome[0]!r}.")
        _require(trial.outcome[0].check(CancelledError), f"It failed with {trial.outcome[0]!r}.")


async def _second_start(trial: _Trial) -> None:
    """A producer that was started refuses to be started again, with RuntimeError."""
    trial.start()
    try:
        trial.producer.startProducing(trial)
    except RuntimeError:
        await trial.ended()
        trial.succeeded()
    else:
        raise AssertionError("It was started twice.")


class _Refused(Exception):
    """What the consumer raises."""


_RULES = (
    _interface,
    _everything,
    _pause,
    _pause_and_resume_in_a_write,
    _needless_calls,
    _stop_in_a_write,
    _stop_and_raise_in_a_write,
    _stop_before_start,
    _write_that_raises,
    _cancel,
    _second_start,
)

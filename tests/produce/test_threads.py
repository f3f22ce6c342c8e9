"""Who gets a thread, and when."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError

from filebody import Reader, WaitBy
from filebody.produce._threads import read_in_thread
from tests.contract.rows import outcome_of
from tests.fakes import FakeReactor

SLOW, OTHER = 1, 2


class StuckReader(Reader):
    """Reads from a device that answers when the test lets the thread run."""

    def __init__(self, device: int | None, name: str = "") -> None:
        self._device = device
        self.name = name

    @property
    def wait_by(self) -> WaitBy:
        return WaitBy.THREAD

    @property
    def device(self) -> int | None:
        return self._device

    def read_blocking(self, size: int) -> bytes:
        if self.name == "broken":
            raise OSError("bad sector")
        return self.name.encode()[:size]

    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        raise NotImplementedError

    def read(self, size: int) -> bytes | None:
        raise NotImplementedError

    def fileno(self) -> int:
        raise NotImplementedError

    def close(self) -> None:
        pass


def test_outcomes() -> None:
    reactor = FakeReactor()
    good = outcome_of(read_in_thread(StuckReader(SLOW, "good"), 2, reactor))
    bad = outcome_of(read_in_thread(StuckReader(SLOW, "broken"), 2, reactor))
    for call in reactor.pool.calls:
        call.run()
    assert good == [b"go"]
    assert bad[0].check(OSError)


def test_one_device_gets_half_of_the_threads_and_all_leave_some() -> None:
    reactor = FakeReactor()
    for _ in range(200):
        read_in_thread(StuckReader(SLOW), 1, reactor)
    assert len(reactor.pool.calls) == 5
    for device in range(OTHER, 20):
        read_in_thread(StuckReader(device), 1, reactor)
    assert len(reactor.pool.calls) == 8
    assert reactor.pool.max == 10


def test_a_pool_of_one_thread_is_still_used() -> None:
    reactor = FakeReactor()
    reactor.pool.max = 1
    outcomes = [outcome_of(read_in_thread(StuckReader(SLOW, "a"), 1, reactor)) for _ in range(3)]
    while reactor.pool.calls:
        assert len(reactor.pool.calls) == 1
        reactor.pool.calls.pop(0).run()
    assert outcomes == [[b"a"]] * 3


def test_first_come_first_served_and_turns_among_devices() -> None:
    reactor = FakeReactor()
    reactor.pool.max = 2  # one for each device, one in all
    order: list[bytes | None] = []
    for name in ("s0", "s1", "s2", "s3"):
        read_in_thread(StuckReader(SLOW, name), 2, reactor).addCallback(order.append)
    for name in ("o0", "o1"):
        read_in_thread(StuckReader(OTHER, name), 2, reactor).addCallback(order.append)
    while reactor.pool.calls:
        reactor.pool.calls.pop(0).run()
    assert order == [b"s0", b"o0", b"s1", b"o1", b"s2", b"s3"]


@pytest.mark.parametrize("device", [SLOW, None])
def test_cancelled_in_line_it_never_gets_a_thread(device: int | None) -> None:
    reactor = FakeReactor()
    for _ in range(5):
        read_in_thread(StuckReader(device), 1, reactor)
    waiting = read_in_thread(StuckReader(device), 1, reactor)
    outcome = outcome_of(waiting)
    waiting.cancel()
    assert outcome[0].check(CancelledError)
    while reactor.pool.calls:
        reactor.pool.calls.pop(0).run()
    assert reactor.pool.given == 5


def test_cancelled_in_a_thread_it_keeps_its_place_until_the_read_returns() -> None:
    reactor = FakeReactor()
    reads = [read_in_thread(StuckReader(SLOW), 1, reactor) for _ in range(5)]
    for read in reads:
        read.addErrback(lambda failure: failure.trap(CancelledError))
        read.cancel()
    read_in_thread(StuckReader(SLOW), 1, reactor)
    assert reactor.pool.given == 5, "threads that are stuck are still taken"
    reactor.pool.calls.pop(0).run()
    assert reactor.pool.given == 6

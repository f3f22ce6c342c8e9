"""A reactor without time and threads of its own: a test says when each thing happens."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Self
from unittest import mock

import attrs
from twisted.internet.task import Clock
from twisted.python.failure import Failure


@attrs.define(eq=False)
class ThreadCall:
    """A function that was given to the thread pool."""

    on_result: Callable[[bool, object], object]
    function: Callable[[], object]

    def run(self) -> None:
        """What the thread would do, and then the reactor with its outcome."""
        try:
            result = self.function()
        except Exception:
            self.on_result(False, Failure())
        else:
            self.on_result(True, result)


class FakePool:
    """Keeps what it is given until the test runs it."""

    max = 10

    def __init__(self) -> None:
        self.calls: list[ThreadCall] = []
        self.given = 0

    def callInThreadWithCallback(
        self,
        on_result: Callable[[bool, object], object],
        function: Callable[..., object],
        *args: object,
        **kwargs: object,
    ) -> None:
        self.given += 1
        self.calls.append(ThreadCall(on_result, lambda: function(*args, **kwargs)))


class PromptPool(FakePool):
    """Runs what it is given at once: for files whose pages may not be in memory just now."""

    def callInThreadWithCallback(
        self,
        on_result: Callable[[bool, object], object],
        function: Callable[..., object],
        *args: object,
        **kwargs: object,
    ) -> None:
        super().callInThreadWithCallback(on_result, function, *args, **kwargs)
        self.calls.pop().run()


class FakeReactor(Clock):
    """Timers, descriptors and threads, by hand."""

    def __init__(self, pool: FakePool | None = None) -> None:
        super().__init__()
        self.pool = pool or FakePool()
        self.readers: list[Any] = []

    def getThreadPool(self) -> FakePool:
        return self.pool

    @contextlib.contextmanager
    def installed(self) -> Iterator[Self]:
        """Be `twisted.internet.reactor` for a while."""
        with mock.patch("twisted.internet.reactor", self, create=True):
            yield self

    def callFromThread(self, function: Callable[..., object], *args: object) -> None:
        function(*args)

    def addReader(self, reader: Any) -> None:
        if reader not in self.readers:
            self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

"""Every row of the contract: it holds for ours, and it does not for Twisted's class."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import FileBodyProducer as TwistedFileBodyProducer

from filebody import FileBodyProducer
from tests.contract.rows import ROWS, Row


class RowTests(TestCase):
    """Two tests for each row; they need the real reactor, whose waiting trial does."""

    timeout = 30  # a row that hangs is a failure

    def holds(self, row: Row) -> Deferred[Any]:
        def quiet(_: object) -> None:
            errors = self.flushLoggedErrors()  # type: ignore[no-untyped-call]
            # A failing close is said in the log and nowhere else; nothing else is.
            assert [type(error.value) for error in errors] == [OSError] * (row.number == 5)

        return maybeDeferred(row.check, FileBodyProducer).addCallback(quiet)

    def breaks(self, row: Row) -> Deferred[Any]:
        def wrong(_: object) -> None:
            raise AssertionError("Twisted's class does this right now: update the contract")

        def expected(failure: Failure) -> None:
            self.flushLoggedErrors()  # type: ignore[no-untyped-call]
            failure.trap(Exception)

        checked = maybeDeferred(row.check, TwistedFileBodyProducer)
        return checked.addCallbacks(wrong, expected)


def _add(row: Row) -> None:
    def ours(self: RowTests) -> Deferred[Any]:
        return self.holds(row)

    def upstream(self: RowTests) -> Deferred[Any]:
        return self.breaks(row)

    setattr(RowTests, f"test_row_{row.name}", ours)
    setattr(RowTests, f"test_row_{row.name}_is_wrong_upstream", upstream)


for _row in ROWS:
    _add(_row)


def test_all_rows_are_here() -> None:
    assert [row.number for row in ROWS] == list(range(1, 20))

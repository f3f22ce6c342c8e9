"""What became of the suites of others, for the end of pytest's output."""

import attrs
import pytest

from tests.summary import properties


@attrs.frozen
class Outcome:
    """The numbers of one suite's run.

    `failed` are those that cannot but fail; `constructed` counts the instances of our class in the
    place that was taken.
    """

    suite: str
    place: str
    ran: int
    skipped: int
    failed: int
    constructed: int
    constructs: bool


# The user property of a test's report that holds an outcome.
PROPERTY = "upstream outcome"


def print_outcomes(terminal: pytest.TerminalReporter) -> None:
    found = [Outcome(**fields) for fields in properties(terminal, PROPERTY)]
    if not found:
        return
    terminal.section("upstream suites, with our classes in the places of Twisted's")
    names = ("ran", "skipped", "failed", "constructed")
    terminal.line(
        f"{'suite':<42} {'ran':>5} {'skipped':>8} {'cannot pass':>12}   constructed by us"
    )
    for one in found:
        note = f" {one.place}s" if one.constructs else " (makes none by nature)"
        terminal.line(
            f"{one.suite:<42} {one.ran:>5} {one.skipped:>8} {one.failed:>12} "
            f"{one.constructed:>5}{note}"
        )
    ran, skipped, failed, constructed = (sum(getattr(one, name) for one in found) for name in names)
    terminal.line(f"{'together':<42} {ran:>5} {skipped:>8} {failed:>12} {constructed:>5}")

"""What became of the suites of others, for the end of pytest's output."""

import attrs
import pytest


@attrs.frozen
class Outcome:
    """The numbers of one suite's run; `constructed` counts the instances of our class."""

    suite: str
    ran: int
    skipped: int
    constructed: int
    constructs: bool


_key = pytest.StashKey[list[Outcome]]()


def outcomes(config: pytest.Config) -> list[Outcome]:
    return config.stash.setdefault(_key, [])


def print_outcomes(terminal: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = outcomes(config)
    if not found:
        return
    terminal.section("upstream suites, with our FileBodyProducer in the place of Twisted's")
    terminal.line(f"{'suite':<42} {'ran':>5} {'skipped':>8} {'constructed by us':>18}")
    for one in found:
        note = "" if one.constructs else "  (makes none by nature)"
        terminal.line(f"{one.suite:<42} {one.ran:>5} {one.skipped:>8} {one.constructed:>18}{note}")
    ran, skipped, constructed = (
        sum(getattr(one, name) for one in found) for name in ("ran", "skipped", "constructed")
    )
    terminal.line(f"{'together':<42} {ran:>5} {skipped:>8} {constructed:>18}")

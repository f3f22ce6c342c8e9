"""Rounds in which the contestants take turns, and what comes out of them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

import attrs

from benchmarks.cases import Case, Target
from benchmarks.clients.job import Figures
from benchmarks.measure import Cores, MeasurementFailed, measure

__all__ = ["Result", "Spread", "compare", "shown"]


def shown(value: float) -> str:
    """A number for people, in three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@attrs.frozen
class Spread:
    """The median of some rounds, their least and their greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of at least one value."""
        listed = list(values)
        return cls(statistics.median(listed), min(listed), max(listed))

    def __str__(self) -> str:
        return f"{shown(self.median)} ({shown(self.least)} to {shown(self.greatest)})"


@attrs.frozen
class Result:
    """What was measured of a case.

    Attributes:
        case: The case.
        rounds: By contestant, its figures of each round.
        failures: By contestant, why it has none.
    """

    case: Case
    rounds: dict[str, list[Figures]]
    failures: dict[str, str]

    def figure(self, label: str, name: str) -> Spread:
        """A contestant's figure."""
        return Spread.of(figures[name] for figures in self.rounds[label])

    def ratio(self, label: str, name: str) -> Spread | None:
        """Ours divided by another contestant's, round by round; None if there is none."""
        ours, theirs = self.rounds.get(self.ours), self.rounds.get(label)
        if not ours or not theirs:
            return None
        pairs = [(mine[name], other[name]) for mine, other in zip(ours, theirs, strict=True)]
        if not all(divisor for _, divisor in pairs):
            return None
        return Spread.of(mine / divisor for mine, divisor in pairs)

    @property
    def ours(self) -> str:
        """What ours is called."""
        return self.case.contestants[0].label

    def reached(self, target: Target) -> Spread | None:
        """What to compare with a target's value; None if there is nothing."""
        if target.against is not None:
            return self.ratio(target.against, target.figure)
        return self.figure(self.ours, target.figure) if self.ours in self.rounds else None

    def is_met(self, target: Target) -> bool:
        """Whether the median is enough."""
        reached = self.reached(target)
        return reached is not None and target.is_met(reached.median)

    def as_json(self) -> dict[str, Any]:
        """For `--json`: every figure of every round, and what is shown of them."""
        return {
            "case": self.case.name,
            "title": self.case.title,
            "contestants": [self._contestant(label) for label in self.rounds],
            "failures": self.failures,
            "targets": [
                {
                    "target": str(target),
                    "reached": None if (at := self.reached(target)) is None else attrs.asdict(at),
                    "met": self.is_met(target),
                }
                for target in self.case.targets
            ],
        }

    def _contestant(self, label: str) -> dict[str, Any]:
        ratios = {name: self.ratio(label, name) for name in self.case.figures}
        return {
            "name": label,
            "figures": {name: attrs.asdict(self.figure(label, name)) for name in self.case.figures},
            "ours to it": {name: attrs.asdict(at) for name, at in ratios.items() if at is not None},
            "rounds": self.rounds[label],
        }


def compare(case: Case, rounds: int, cores: Cores) -> Result:
    """Measure all contestants of a case in turns; one that fails once is left out."""
    found: dict[str, list[Figures]] = {contestant.label: [] for contestant in case.contestants}
    failures: dict[str, str] = {}
    for number in range(rounds):
        first = number % len(case.contestants)
        for contestant in case.contestants[first:] + case.contestants[:first]:
            if contestant.label in failures:
                continue
            try:
                found[contestant.label].append(measure(case, contestant, cores))
            except MeasurementFailed as failed:
                failures[contestant.label] = str(failed)
                del found[contestant.label]
    return Result(case, found, failures)

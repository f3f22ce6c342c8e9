"""Results as text."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.compare import Result, shown

__all__ = ["lines"]


def lines(result: Result) -> Iterator[str]:
    """The table of one case."""
    case = result.case
    first, *_ = case.figures
    columns = "".join(f"{figure:>16}" for figure in case.figures)
    yield f"{case.title:<44}{columns}   ours to it, in {first}"
    for label in result.rounds:
        medians = (shown(result.figure(label, figure).median) for figure in case.figures)
        columns = "".join(f"{median:>16}" for median in medians)
        line = f"  {label:<42}{columns}"
        ratio = result.ratio(label, first)
        if label != result.ours and ratio is not None:
            line += f"   {ratio}"
        yield line
    for label, reason in result.failures.items():
        yield f"  {label:<42} failed: {reason}"
    for target in case.targets:
        reached = result.reached(target) or "nothing to compare"
        yield f"  {'met   ' if result.is_met(target) else 'MISSED'} {target}: {reached}"

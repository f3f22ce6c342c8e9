"""Ours against Twisted's class, on Twisted's own Agent, in one run: `make bench`.

Every round runs both classes in fresh processes, in turns, and gives one ratio; what is printed is
the median of the figures and of the ratios, with the ratios' least and greatest. The client has
one core and the sink another. Nothing leaves the loopback interface.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs

from tests.peers.slowfs import SlowFile, SlowFileSystem

OURS, PEER = "filebody", "twisted"


@attrs.frozen
class Case:
    """A measurement: its arguments to `benchmarks.client`, and what we aim at."""

    title: str
    measure: str
    sink: str
    path: Path
    arguments: tuple[str, ...]
    targets: dict[str, str]


@contextlib.contextmanager
def sink(mode: str) -> Iterator[str]:
    """A sink process; gives its port."""
    command = [sys.executable, "-m", "benchmarks.sink", mode]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def measure(case: Case, cls: str) -> dict[str, float]:
    """One process, one measurement."""
    if case.measure == "throughput":
        read_all(case.path)  # machines that lend their memory drop pages at any time
    with sink(case.sink) as port:
        command = [sys.executable, "-m", "benchmarks.client", cls, case.measure, port]
        done = subprocess.run(
            [*command, str(case.path), *case.arguments],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
            timeout=300,
        )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def compare(case: Case, rounds: int) -> list[dict[str, object]]:
    """Run `rounds` rounds and print a line for each figure."""
    measure(case, OURS), measure(case, PEER)  # warm
    results: dict[str, list[dict[str, float]]] = {OURS: [], PEER: []}
    for number in range(rounds):
        for cls in (OURS, PEER) if number % 2 else (PEER, OURS):
            results[cls].append(measure(case, cls))
    rows: list[dict[str, object]] = []
    for figure, target in case.targets.items():
        ours = [result[figure] for result in results[OURS]]
        peer = [result[figure] for result in results[PEER]]
        ratios = [mine / other for mine, other in zip(ours, peer, strict=True)]
        row = {
            "case": case.title,
            "figure": figure,
            OURS: statistics.median(ours),
            PEER: statistics.median(peer),
            "ratio": statistics.median(ratios),
            "least": min(ratios),
            "greatest": max(ratios),
            "target": target,
        }
        rows.append(row)
        print(
            f"{case.title:<38} {figure:<11} {row[OURS]:>9.2f} {row[PEER]:>9.2f} "
            f"{row['ratio']:>7.3f} ({min(ratios):.3f} to {max(ratios):.3f})   {target}",
            flush=True,
        )
    return rows


def random_file(path: Path, size: int) -> Path:
    """A file of `size` bytes on the disk."""
    piece = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(piece)
        os.fsync(file.fileno())
    return path


def read_all(path: Path) -> None:
    """Bring a file's pages into the page cache."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each case (7)")
    parser.add_argument("--size-mib", type=int, default=2048, help="size of the warm file (2048)")
    parser.add_argument("--uploads", type=int, default=1000, help="paused uploads (1000)")
    parser.add_argument("--only", default="", help="cases whose title contains this")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("a core each for client and sink is needed: this machine gives one")
    print(
        f"Python {platform.python_version()}, Linux {platform.release()}, {options.rounds} rounds"
    )
    print(f"{'':<50} {OURS:>9} {PEER:>9}   ratio (spread)             target")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch, contextlib.ExitStack() as stack:
        directory = Path(scratch)
        warm = random_file(directory / "warm", options.size_mib << 20)
        cases = [
            Case(
                f"{options.size_mib} MiB warm file, pieces of {size >> 10} KiB",
                "throughput",
                "discard",
                warm,
                (str(size),),
                {"GB/s": ">= 1" if size == 1 << 16 else "-", "CPU s/GB": "-"},
            )
            for size in (1 << 16, 1 << 18)
        ]
        small = random_file(directory / "small", 4 << 20)
        cases += [
            Case(
                f"{options.uploads} paused uploads, {words}",
                "memory",
                "stall",
                small,
                (str(options.uploads), source),
                {"KiB each": "<= 1"},
            )
            for source, words in (("file", "open files"), ("path", "ours by PathBody"))
        ]
        if shutil.which("fusermount3"):
            slow = SlowFileSystem(directory, {"file": SlowFile(size=10 << 16)})
            path = stack.enter_context(slow).path / "file"
            targets = {"longest ms": "<= 0.1", "p99 ms": "<= 0.1"}
            cases.append(Case("file system with 200 ms reads", "gap", "discard", path, (), targets))
        else:
            print("no file system with slow reads: fusermount3 (Debian's fuse3) is missing")
        rows = [
            row
            for case in cases
            if options.only in case.title
            for row in compare(case, options.rounds)
        ]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()

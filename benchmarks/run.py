"""Ours against its peers, in one run: `make bench`.

Every measurement is a process of its own. Each round runs all contestants in turns and gives one
ratio for each; what is shown is the median of the figures and of the ratios, with the ratios' least
and greatest. The client has one core and the sink another. Nothing leaves the loopback interface.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import chart, table
from benchmarks.cases import (
    Case,
    agent_cases,
    command_cases,
    producer_cases,
    resumable_cases,
    slow_cases,
)
from benchmarks.compare import compare
from benchmarks.files import Files, Sizes
from benchmarks.measure import Cores
from tests.peers.slowfs import SlowFile, SlowFileSystem

_PEERS = ("Twisted", "treq", "aiohttp", "httpx", "requests")
# For the producer, which reads pieces of 64 KiB: ten reads of 200 ms.
_SLOW_PRODUCER_BYTES = 10 << 16


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "linux": platform.release(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PEERS},
    }


def _cases(directory: Path, sizes: Sizes, stack: ExitStack) -> Iterator[Case]:
    files = Files(directory, sizes)
    yield from agent_cases(files)
    yield from command_cases(files)
    yield from resumable_cases(files)
    if shutil.which("fusermount3") is None:
        print("no file system with slow reads: fusermount3 (Debian's fuse3) is missing")
        yield from producer_cases(files, None)
        return
    names = [f"slow{number}" for number in range(sizes.slow_files)]
    slow_files = {name: SlowFile(size=sizes.slow_bytes) for name in names}
    slow_files["producer"] = SlowFile(size=_SLOW_PRODUCER_BYTES)
    slow = stack.enter_context(SlowFileSystem(directory, slow_files)).path
    yield from slow_cases(files, tuple(str(slow / name) for name in names))
    yield from producer_cases(files, str(slow / "producer"))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each case (7)")
    parser.add_argument("--small", action="store_true", help="little of everything: does it work?")
    parser.add_argument("--only", action="append", default=[], help="cases of this name; repeat it")
    parser.add_argument(
        "--client", action="append", default=[], help="contestants of this name; repeat it"
    )
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--svg", type=Path, help="draw a chart there")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    cores = Cores.take()
    machine = _machine()
    print(f"{machine['processor']}, Linux {machine['linux']}, Python {machine['python']}")
    print(", ".join(f"{name} {number}" for name, number in machine["versions"].items()))
    results = []
    sizes = Sizes.small() if options.small else Sizes()
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as directory,
        ExitStack() as stack,
    ):
        for case in _cases(Path(directory), sizes, stack):
            if options.only and case.name not in options.only:
                continue
            if options.client:
                case = case.only(options.client)
            results.append(compare(case, options.rounds, cores))
            print("", *table.lines(results[-1]), sep="\n", flush=True)
    if options.json is not None:
        report = {
            **machine,
            "rounds": options.rounds,
            "cases": [result.as_json() for result in results],
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.svg is not None:
        options.svg.write_text(chart.draw(results))
    if any(result.failures for result in results):
        sys.exit("not everything could be measured")


if __name__ == "__main__":
    main()

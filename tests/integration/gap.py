"""Sends files with a producer class and measures for how long the reactor stood still.

    python -m tests.integration.gap MODULE URL FILE...

MODULE is where `FileBodyProducer` is taken from. In a process of its own, so that nothing else
makes the reactor wait. Prints JSON: the longest gap between two ticks that were asked for a
millisecond apart, how many ticks there were, and the servers' answers.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import treq
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from twisted.web.client import Agent

TICK_SECONDS = 0.001


@attrs.define
class Ticker:
    """Notes the longest time from a tick to the next."""

    _reactor: Any
    ticks: int = 0
    longest_gap_seconds: float = 0.0
    _last: float = attrs.Factory(time.monotonic)

    def tick(self) -> None:
        now = time.monotonic()
        self.longest_gap_seconds = max(self.longest_gap_seconds, now - self._last)
        self._last = now
        self.ticks += 1
        self._reactor.callLater(TICK_SECONDS, self.tick)


async def send(reactor: Any, producer_class: Any, url: str, path: Path) -> Any:
    producer = producer_class(path.open("rb"))
    response = await Agent(reactor).request(b"PUT", url.encode("ascii"), None, producer)
    return json.loads(await treq.content(response))


async def measure(reactor: Any, module: str, url: str, *paths: str) -> None:
    producer_class = importlib.import_module(module).FileBodyProducer
    # From here on: imports stand in the reactor's way, too, and are nobody's fault.
    ticker = Ticker(reactor)
    ticker.tick()
    answers = await gatherResults(
        Deferred.fromCoroutine(send(reactor, producer_class, url, Path(path))) for path in paths
    )
    facts = {
        "longest_gap_seconds": ticker.longest_gap_seconds,
        "ticks": ticker.ticks,
        "answers": answers,
    }
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    react(lambda reactor, *args: Deferred.fromCoroutine(measure(reactor, *args)), sys.argv[1:])

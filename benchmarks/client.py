"""One measurement of one class, in a process of its own; prints the figures as JSON.

    python -m benchmarks.client {filebody,twisted} throughput PORT FILE READ_SIZE
    python -m benchmarks.client {filebody,twisted} gap PORT FILE
    python -m benchmarks.client {filebody,twisted} memory PORT FILE UPLOADS {file,path}

Both classes go through Twisted's own Agent, on the first core.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import sys
import time
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.client import FileBodyProducer as TwistedFileBodyProducer

from filebody import FileBodyProducer, PathBody

CLASSES: dict[str, Any] = {"filebody": FileBodyProducer, "twisted": TwistedFileBodyProducer}
TICK_SECONDS = 0.001

Figures = dict[str, float]


def upload(agent: Agent, port: str, producer: Any) -> Deferred[Any]:
    return agent.request(b"PUT", b"http://127.0.0.1:" + port.encode() + b"/", None, producer)


async def throughput(cls: Any, port: str, path: str, read_size: str) -> Figures:
    """Wall and CPU time of sending one file."""
    producer = cls(open(path, "rb"), readSize=int(read_size))
    wall, cpu = time.perf_counter(), time.process_time()
    response = await upload(Agent(_reactor), port, producer)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if response.code != 200:
        raise RuntimeError(f"the sink answered {response.code}")
    gigabytes = os.path.getsize(path) / 1e9
    return {"GB/s": gigabytes / wall, "CPU s/GB": cpu / gigabytes}


async def gap(cls: Any, port: str, path: str) -> Figures:
    """How long the reactor does nothing else while a file is sent."""
    times: list[float] = []
    ticker = LoopingCall(lambda: times.append(time.perf_counter()))
    ticker.start(TICK_SECONDS)
    await upload(Agent(_reactor), port, cls(open(path, "rb")))
    ticker.stop()
    gaps = sorted(after - before for before, after in itertools.pairwise(times))
    return {"longest ms": 1000 * gaps[-1], "p99 ms": 1000 * gaps[int(0.99 * len(gaps))]}


async def memory(cls: Any, port: str, path: str, uploads: str, source: str) -> Figures:
    """Resident memory of each of many uploads that the receiver does not read."""
    started = 0

    class Counted(cls):  # type: ignore[misc]
        def startProducing(self, consumer: Any) -> Any:
            nonlocal started
            started += 1
            return super().startProducing(consumer)

    def producer() -> Any:
        if source == "path" and cls is FileBodyProducer:
            return Counted(PathBody(path))  # without the buffer of a file object
        return Counted(open(path, "rb"))

    pool = HTTPConnectionPool(_reactor)
    pool.maxPersistentPerHost = int(uploads)
    agent = Agent(_reactor, pool=pool)

    async def settled() -> float:
        """Resident bytes once all uploads have begun and they do not change any more."""
        seen = [0.0]
        while started < len(pending) or len(seen) < 4 or len(set(seen[-4:])) > 1:
            await deferLater(_reactor, 0.25)
            with open("/proc/self/statm", encoding="ascii") as statm:
                seen.append(float(statm.read().split()[1]) * resource.getpagesize())
        return seen[-1]

    pending = [upload(agent, port, producer())]
    before = await settled()
    pending += [upload(agent, port, producer()) for _ in range(int(uploads))]
    after = await settled()
    for request in pending:
        request.addErrback(lambda _: None)
        request.cancel()
    return {"KiB each": (after - before) / int(uploads) / 1024}


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    cls, measure, *arguments = sys.argv[1:]
    measures: dict[str, Any] = {"throughput": throughput, "gap": gap, "memory": memory}

    async def run(_: object) -> None:
        print(json.dumps(await measures[measure](CLASSES[cls], *arguments)))

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


if __name__ == "__main__":
    main()

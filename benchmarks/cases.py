"""Everything that is measured, and what we aim at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from benchmarks.files import Files

__all__ = [
    "OURS",
    "Case",
    "Contestant",
    "Target",
    "agent_cases",
    "command_cases",
    "producer_cases",
    "resumable_cases",
    "slow_cases",
]

OURS = "filebody"

_RATES = ("GB/s", "CPU s/GB")
_EVENT_DRIVEN = (OURS, "Twisted", "treq", "aiohttp")
_CLIENTS = (*_EVENT_DRIVEN, "httpx", "requests", "curl")
_LONGEST, _P99 = "longest gap ms", "p99 gap ms"


@attrs.frozen
class Target:
    """What we aim at.

    Attributes:
        figure: Of ours.
        sign: `>=`, `<=` or `<`.
        value: Of the ratio to `against`, or of the figure itself.
        against: The contestant that ours is compared with, or None.
    """

    figure: str
    sign: str
    value: float
    against: str | None = None

    def is_met(self, value: float) -> bool:
        """Whether `value` is enough."""
        if self.sign == ">=":
            return value >= self.value
        return value <= self.value if self.sign == "<=" else value < self.value

    def __str__(self) -> str:
        if self.against is None:
            return f"{self.figure} {self.sign} {self.value:g}"
        return f"{self.figure} {self.sign} {self.value:g} x {self.against}"


@attrs.frozen
class Contestant:
    """A client under the name that stands in the table, with its part of the job."""

    label: str
    client: str
    job: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Case:
    """One table: several contestants do the same.

    Attributes:
        name: For `--only`.
        title: What is done.
        figures: What is shown; the first one decides.
        contestants: Ours first.
        job: What `benchmarks.clients.job.Job` says, but for the URL.
        sink: Its mode.
        hold: How many bodies must have begun before the sink reads one.
        tls: The sink's certificate and key, or None.
    """

    name: str
    title: str
    figures: tuple[str, ...]
    contestants: tuple[Contestant, ...]
    job: Mapping[str, Any]
    targets: tuple[Target, ...] = ()
    sink: str = "discard"
    hold: int = 0
    tls: Path | None = None

    def only(self, labels: Sequence[str]) -> Case:
        """The same with some of the contestants, and what we aim at with them; ours stays."""
        ours, *others = self.contestants
        chosen = [contestant for contestant in others if contestant.label in labels]
        targets = tuple(t for t in self.targets if t.against is None or t.against in labels)
        return attrs.evolve(self, contestants=(ours, *chosen), targets=targets)


def _named(*labels: str) -> tuple[Contestant, ...]:
    names = {"bare loop": "bare"}
    return tuple(Contestant(label, names.get(label, label.lower())) for label in labels)


def _size(count: int) -> str:
    return f"{count >> 30} GiB" if count >= 1 << 30 else f"{count >> 20} MiB"


def _large(files: Files) -> Iterator[Case]:
    size = _size(files.sizes.large_bytes)
    job = {"files": (files.large,)}
    yield Case(
        name="plain",
        title=f"{size} warm file, plain",
        figures=_RATES,
        contestants=_named(*_CLIENTS, "bare loop"),
        job=job,
        targets=(
            Target("GB/s", ">=", 2.0, "Twisted"),
            Target("GB/s", ">=", 1.0, "curl"),
            Target("GB/s", ">=", 0.95, "bare loop"),
        ),
    )
    yield Case(
        name="tls",
        title=f"{size} warm file, TLS",
        figures=_RATES,
        contestants=_named(*_CLIENTS, "bare loop"),
        job={**job, "authority": str(files.certificates.authority)},
        targets=(
            Target("GB/s", ">=", 1.9, "Twisted"),
            Target("GB/s", ">=", 0.95, "curl"),
            Target("GB/s", ">=", 0.97, "bare loop"),
        ),
        tls=files.certificates.server,
    )


def agent_cases(files: Files) -> Iterator[Case]:
    """Whole clients."""
    sizes = files.sizes
    yield from _large(files)
    yield Case(
        name="small",
        title=f"{sizes.small_files:,} files of 4 KiB, 16 connections",
        figures=("uploads/s", "CPU ms each", "CPU s/GB"),
        contestants=_named(*_CLIENTS),
        job={"files": files.small, "at_once": 16},
        targets=(
            Target("uploads/s", ">=", 1.8, "Twisted"),
            Target("uploads/s", ">=", 0.7, "curl"),
        ),
    )
    yield Case(
        name="burst",
        title=f"{sizes.burst_uploads:,} uploads of 1 MiB at once",
        figures=("s", *_RATES, _LONGEST),
        contestants=_named(*_EVENT_DRIVEN),
        job={
            "files": (files.of_1_mib,) * sizes.burst_uploads,
            "at_once": sizes.burst_uploads,
            "watch": "gaps",
        },
        targets=(Target("s", "<=", 0.6, "Twisted"),),
    )
    yield Case(
        name="paused",
        title=f"{sizes.paused_uploads:,} uploads of 4 MiB, receiver not reading",
        figures=("KiB each",),
        contestants=_named(OURS, "Twisted", "aiohttp"),
        job={
            "files": (files.of_4_mib,) * (sizes.paused_uploads + 1),
            "at_once": sizes.paused_uploads + 1,
            "watch": "memory",
        },
        targets=(Target("KiB each", "<=", 20),),
        sink="stall",
    )
    yield Case(
        name="many",
        title=f"{sizes.many_uploads:,} different uploads of 64 KiB at once, digests compared",
        figures=(_LONGEST, _P99, "s", *_RATES),
        # With so many, what stands still is mostly the interpreter, looking at every object.
        contestants=(
            *_named(OURS, "Twisted", "aiohttp"),
            Contestant(f"{OURS}, gc off", OURS, {"collects": False}),
            Contestant("Twisted, gc off", "twisted", {"collects": False}),
        ),
        job={
            "files": files.named_by_digest,
            "at_once": sizes.many_uploads,
            "verify": True,
            "watch": "gaps",
        },
        targets=(Target(_LONGEST, "<", 100),),
        sink="verify",
        hold=sizes.many_uploads,
    )


def command_cases(files: Files) -> Iterator[Case]:
    """Programs, their start included."""

    def programs(*names: str) -> tuple[Contestant, ...]:
        labels = {"version": f"{OURS} --version"}
        return tuple(
            Contestant(labels.get(name, name), "command", {"options": {"program": name}})
            for name in names
        )

    yield Case(
        name="command",
        title=f"{_size(files.sizes.large_bytes)} by the command, digest computed",
        figures=("CPU s/GB", "GB/s"),
        contestants=programs(OURS, "curl"),
        job={"files": (files.large,)},
        targets=(Target("CPU s/GB", "<=", 1.1),),
    )
    yield Case(
        name="command-start",
        title="One file of 4 KiB by the command",
        figures=("CPU ms each",),
        contestants=programs("version", OURS, "curl"),
        job={"files": files.small[:1]},
        targets=(Target("CPU ms each", "<=", 70),),
    )
    yield Case(
        name="command-small",
        title=f"{len(files.small[:1000]):,} files of 4 KiB by the command",
        figures=("uploads/s", "CPU ms each"),
        contestants=programs(OURS, "curl"),
        job={"files": files.small[:1000]},
    )


def resumable_cases(files: Files) -> Iterator[Case]:
    """Uploads that survive, to our own receiver."""

    def ours(label: str, protocol: str, **options: str) -> Contestant:
        return Contestant(label, "stored", {"options": {"protocol": protocol, **options}})

    size = _size(files.sizes.large_bytes)
    plain = "plain PUT"
    for protocol in ("tus", "ietf"):
        yield Case(
            name=f"resumable-{protocol}",
            title=f"{size} to our receiver, resumable",
            figures=_RATES,
            contestants=(ours(protocol, protocol), ours(plain, "plain")),
            job={"files": (files.large,)},
            targets=(Target("GB/s", ">=", 0.97, plain),),
            sink="store",
        )
    yield Case(
        name="parallel",
        title=f"{_size(files.sizes.held_bytes)}, each connection held to 50 MB/s",
        figures=_RATES,
        contestants=(ours("parallel=4", "tus", parallel="4"), ours("parallel=1", "tus")),
        job={"files": (files.held,)},
        targets=(Target("GB/s", ">=", 3, "parallel=1"),),
        sink="held",
    )
    yield Case(
        name="resume",
        title=f"{_size(files.sizes.held_bytes)} at 50 MB/s, sender killed half way",
        figures=("sent again %", "s"),
        contestants=tuple(
            Contestant(protocol, "killed", {"options": {"protocol": protocol}})
            for protocol in ("tus", "ietf")
        ),
        job={"files": (files.held,)},
        targets=(Target("sent again %", "<", 1),),
        sink="held",
    )


def slow_cases(files: Files, slow: tuple[str, ...]) -> Iterator[Case]:
    """Beside files whose reads take 200 ms, and of one of them."""
    alone, beside = {"watch": "gaps"}, {"watch": "gaps", "beside": slow}
    yield Case(
        name="slow",
        title=f"{_size(files.sizes.large_bytes)} upload beside {len(slow)} of a slow file system",
        figures=("GB/s", _P99, _LONGEST, "CPU s/GB", "ended beside"),
        contestants=(
            Contestant(OURS, OURS, beside),
            Contestant(f"{OURS} alone", OURS, alone),
            Contestant("aiohttp", "aiohttp", beside),
            Contestant("aiohttp alone", "aiohttp", alone),
        ),
        job={"files": (files.large,)},
        targets=(
            Target("GB/s", ">=", 0.9, f"{OURS} alone"),
            Target(_P99, "<", 5),
            # Or else the fast upload was alone for a while.
            Target("ended beside", "<", 1),
        ),
    )


def producer_cases(files: Files, slow: str | None) -> Iterator[Case]:
    """Our FileBodyProducer instead of Twisted's, both on Twisted's Agent."""

    def contestants(**options: str) -> tuple[Contestant, ...]:
        ours = {"options": {"producer": "filebody", **options}}
        return Contestant(OURS, "twisted", ours), Contestant(
            "Twisted", "twisted", {"options": options}
        )

    for size in (1 << 16, 1 << 18):
        yield Case(
            name=f"producer-{size >> 10}",
            title=f"Producer: {_size(files.sizes.large_bytes)} in pieces of {size >> 10} KiB",
            figures=_RATES,
            contestants=contestants(read_size=str(size)),
            job={"files": (files.large,)},
            targets=(Target("GB/s", ">=", 1, "Twisted"),),
        )
    count = files.sizes.paused_by_producer
    for source, words in (("file", "open files"), ("path", "ours by PathBody")):
        yield Case(
            name=f"producer-paused-{source}",
            title=f"Producer: {count:,} paused uploads, {words}",
            figures=("KiB each",),
            contestants=contestants(source=source),
            job={"files": (files.of_4_mib,) * (count + 1), "at_once": count, "watch": "memory"},
            targets=(Target("KiB each", "<=", 1, "Twisted"),),
            sink="stall",
        )
    if slow is not None:
        yield Case(
            name="producer-slow",
            title="Producer: a file whose reads take 200 ms",
            figures=(_LONGEST, _P99),
            contestants=contestants(),
            job={"files": (slow,), "watch": "gaps", "is_warm": False},
            targets=(Target(_LONGEST, "<=", 0.1, "Twisted"), Target(_P99, "<=", 0.1, "Twisted")),
        )

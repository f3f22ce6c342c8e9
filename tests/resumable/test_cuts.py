"""Uploads to our own receiver whose connections are cut, reset or left alone at 200 places."""

from __future__ import annotations

import random
from pathlib import Path
from typing import get_args
from unittest import mock

from twisted.internet.defer import Deferred, DeferredList

from filebody.agent import Options, Timeouts
from filebody.resumable import NoticeKind, _machine
from tests.long import by_form, long
from tests.peers.cutter import By, Cutter
from tests.receiver.process import ReceiverProcess
from tests.resumable.case import ResumableCase, content_of

SIZE = 6_000_000
POSITIONS = by_form(quick=80, long=400)
AT_ONCE = 4
# What does not move is given up soon; where it did move after all, that costs one more try.
QUICK = Options(timeouts=Timeouts(stall_seconds=0.3, response_seconds=0.3))


def places(chance: random.Random) -> list[tuple[int, By]]:
    """Where one connection after the other ends and how: half of them before or in a head."""
    count = POSITIONS // AT_ONCE
    ranges = [(1_000, SIZE // count)[number % 2] for number in range(count)]
    chance.shuffle(ranges)
    return [(chance.randrange(1, end), chance.choice(get_args(By))) for end in ranges]


@long
class TestCuts(ResumableCase):
    async def start(self) -> None:
        patch = mock.patch.object(_machine, "FIRST_DELAY_SECONDS", 0.002)
        patch.start()
        self.addCleanup(patch.stop)
        self.receiver = ReceiverProcess(self.directory)
        self.receiver.__enter__()

    async def stop(self) -> None:
        self.receiver.__exit__(None, None, None)

    async def send_through(self, path: Path, name: str, plan: list[tuple[int, By]]) -> None:
        protocol = name.partition("-")[0]
        with Cutter(plan, target=self.receiver.address) as cutter:
            outcome = await self.upload(
                f"{cutter.url}/{name}", path, protocol=protocol, options=QUICK
            )
            assert outcome.protocol.value == protocol
            # Every one of them was in the way.
            read = [cut.read for cut in cutter.cuts[: len(plan)]]
            assert read == [after_bytes for after_bytes, _ in plan]
        assert (self.receiver.directory / name).read_bytes() == content_of(SIZE)

    async def test_at_many_places(self) -> None:
        chance = random.Random(10)
        path = self.make_file(content_of(SIZE))
        names = [f"{('tus', 'ietf')[number % 2]}-{number}" for number in range(AT_ONCE)]
        sending = [
            Deferred.fromCoroutine(self.send_through(path, name, places(chance))) for name in names
        ]
        # All of them come to their ends, whatever becomes of one.
        for is_done, outcome in await DeferredList(sending, consumeErrors=True):
            assert is_done, outcome
        assert len(self.heard(NoticeKind.RETRYING)) >= POSITIONS // 2
        assert self.store.all() == []

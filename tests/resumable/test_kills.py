"""The sending process is killed, again and again, at moments that nobody chose."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filebody.resumable import Checkpoints
from tests.long import by_form, long
from tests.peers.resumable import ResumableServer
from tests.resumable.case import content_of
from tests.resumable.sending import start, wait_for_progress

pytestmark = long

KILLS = by_form(quick=4, long=100)
SIZE = 16_000_000
# So that it is not done before the last kill.
SLOW_BYTES_PER_SECOND = 1.5 * SIZE / max(KILLS, 12)


@pytest.fixture(params=["tus", "ietf"])
def server(request: pytest.FixtureRequest) -> Iterator[ResumableServer]:
    with ResumableServer(request.param) as started:
        yield started


def settings_for(server: ResumableServer, directory: Path, **more: Any) -> dict[str, Any]:
    return {
        "url": server.url + "/file",
        "path": str(directory / "source"),
        "state": str(directory / "state"),
        "protocol": "auto",
        "rate_bytes_per_second": SLOW_BYTES_PER_SECOND,
        **more,
    }


def kill_at_random(settings: dict[str, Any], log: Path, chance: random.Random) -> None:
    """Start a sender and kill it once it has said something a few times."""
    with start(settings, log) as process:
        assert wait_for_progress(process, chance.randint(1, 6)), log.read_text()
        process.kill()


def finish(settings: dict[str, Any], log: Path) -> dict[str, Any]:
    """Let a sender come to its end."""
    with start(settings | {"rate_bytes_per_second": None}, log) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, log.read_text()
    last: dict[str, Any] = json.loads(said.splitlines()[-1])
    return last


def test_the_bytes_are_identical_and_none_is_sent_twice(
    server: ResumableServer, tmp_path: Path
) -> None:
    chance = random.Random(4)
    content = content_of(SIZE)
    (tmp_path / "source").write_bytes(content)
    settings, log = settings_for(server, tmp_path), tmp_path / "log"
    for _ in range(KILLS):
        kill_at_random(settings, log, chance)
    outcome = finish(settings, log)
    assert outcome["resumed"] > 0
    assert list(server.targets.values()) == [content]
    assert sum(request.body_bytes for request in server.counted("PATCH")) == SIZE
    assert Checkpoints(tmp_path / "state").all() == []


def test_parts_that_are_killed_too(tmp_path: Path) -> None:
    chance = random.Random(5)
    content = content_of(SIZE)
    (tmp_path / "source").write_bytes(content)
    with ResumableServer("tus") as server:
        settings, log = settings_for(server, tmp_path, parallel=4), tmp_path / "log"
        for _ in range(by_form(quick=2, long=25)):
            kill_at_random(settings, log, chance)
        outcome = finish(settings, log)
        path = outcome["done"].removeprefix(server.url)
        assert server.targets[path] == content
        assert sum(request.body_bytes for request in server.counted("PATCH")) == SIZE


def test_a_prefix_is_verified_after_a_kill(tmp_path: Path) -> None:
    chance = random.Random(6)
    content = content_of(SIZE)
    (tmp_path / "source").write_bytes(content)
    with ResumableServer("ietf") as server:
        settings = settings_for(server, tmp_path, verify_prefix=True)
        log = tmp_path / "log"
        for _ in range(by_form(quick=1, long=10)):
            kill_at_random(settings, log, chance)
        finish(settings, log)
        assert server.targets == {"/file": content}
        assert sum(request.body_bytes for request in server.counted("PATCH")) == SIZE

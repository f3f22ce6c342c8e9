"""Against our own receiver, which is killed as well."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from filebody import IterableBody
from filebody.resumable import Protocol
from tests.peers.ports import free_port
from tests.receiver.process import ReceiverProcess
from tests.resumable.case import ResumableCase, content_of
from tests.resumable.sending import start, wait_for_progress

SIZE = 5_000_000


class TestReceiver(ResumableCase):
    async def start(self) -> None:
        self.receiver = ReceiverProcess(self.directory)
        self.receiver.__enter__()

    async def stop(self) -> None:
        self.receiver.__exit__(None, None, None)

    def stored(self) -> dict[str, bytes]:
        return {
            name: Path(self.receiver.directory, name).read_bytes()
            for name in self.receiver.files
            if not name.startswith(".")
        }

    async def test_by_both_protocols(self) -> None:
        content = content_of(SIZE)
        path = self.make_file(content)
        outcome = await self.upload(self.receiver.url + "a.bin", path, protocol="ietf")
        assert outcome.protocol is Protocol.IETF
        assert outcome.upload_url is not None
        assert self.stored() == {"a.bin": content}
        outcome = await self.upload(self.receiver.url, path, protocol="tus")
        assert self.stored() == {"a.bin": content, "source.bin": content}

    async def test_auto(self) -> None:
        content = content_of(SIZE)
        outcome = await self.upload(self.receiver.url + "a.bin", self.make_file(content))
        assert outcome.protocol is Protocol.IETF
        assert self.stored() == {"a.bin": content}
        assert self.progress[-1].confirmed_bytes == SIZE

    async def test_small_and_empty(self) -> None:
        for protocol in ("tus", "ietf"):
            for content in (b"", b"x"):
                path = self.directory / f"{protocol}-{len(content)}"
                path.write_bytes(content)
                await self.upload(
                    self.receiver.url + ("" if protocol == "tus" else path.name),
                    path,
                    protocol=protocol,
                )
                assert self.stored()[path.name] == content

    async def test_in_parts_and_with_checksums(self) -> None:
        content = content_of(3 * SIZE)
        path = self.make_file(content)
        outcome = await self.upload(
            self.receiver.url, path, protocol="tus", parallel=3, checksum=True, append_bytes=SIZE
        )
        assert outcome.parts == 3
        assert self.stored() == {"source.bin": content}

    async def test_streams(self) -> None:
        content = content_of(SIZE)
        for protocol in ("tus", "ietf"):
            pieces = [content[i : i + 70_000] for i in range(0, len(content), 70_000)]
            await self.upload(
                self.receiver.url + ("" if protocol == "tus" else "ietf"),
                IterableBody(iter(pieces)),
                protocol=protocol,
                metadata={"filename": b"tus"},
            )
            assert self.stored()[protocol] == content


def test_both_are_killed_in_turn(tmp_path: Path) -> None:
    chance = random.Random(7)
    content = content_of(16_000_000)
    (tmp_path / "source").write_bytes(content)
    port = free_port()
    settings: dict[str, Any] = {
        "url": f"http://127.0.0.1:{port}/file",
        "path": str(tmp_path / "source"),
        "state": str(tmp_path / "state"),
        "protocol": "auto",
        "rate_bytes_per_second": 1_500_000,
    }
    log = tmp_path / "sender.log"
    home = tmp_path / "receiver"
    home.mkdir()
    receiver = ReceiverProcess(home, port=port)
    receiver.__enter__()
    try:
        for _ in range(4):
            with start(settings, log) as process:
                assert wait_for_progress(process, chance.randint(1, 4)), log.read_text()
                receiver.kill()
                receiver.stop()
                receiver = ReceiverProcess(home, port=port)
                receiver.__enter__()
                assert wait_for_progress(process, chance.randint(1, 4)), log.read_text()
                process.kill()
        with start(settings | {"rate_bytes_per_second": None}, log) as process:
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, log.read_text()
        assert json.loads(said.splitlines()[-1])["resumed"] > 0
        assert (receiver.directory / "file").read_bytes() == content
    finally:
        receiver.__exit__(None, None, None)

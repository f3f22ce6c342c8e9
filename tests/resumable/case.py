"""What driver tests need."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from filebody.agent import UploadAgent
from filebody.progress import Progress
from filebody.resumable import Checkpoints, Notice, NoticeKind, Outcome, upload
from tests.integration.case import UploadCase


def content_of(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


class ResumableCase(UploadCase):
    """Has an agent, a file, and a place for checkpoints."""

    async def begin(self) -> None:
        self.agent = UploadAgent()
        self.store = Checkpoints(self.directory / "state")
        self.notices: list[Notice] = []
        self.progress: list[Progress] = []
        await self.start()

    async def end(self) -> None:
        self.agent.close()
        await self.stop()

    async def start(self) -> None:
        """Start what is sent to; for subclasses."""

    async def stop(self) -> None:
        """Stop it; for subclasses."""

    def make_file(self, content: bytes) -> Path:
        path = self.directory / "source.bin"
        path.write_bytes(content)
        return path

    async def upload(self, url: str, body: object, **wishes: Any) -> Outcome:
        return await upload(
            self.agent,
            url,
            body,
            checkpoints=self.store,
            on_notice=self.notices.append,
            on_progress=self.progress.append,
            **wishes,
        )

    def heard(self, kind: NoticeKind) -> list[Notice]:
        return [notice for notice in self.notices if notice.kind is kind]

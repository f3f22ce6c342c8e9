"""Send a file so that it arrives: run it again after whatever ended it, and it goes on."""

import sys
from pathlib import Path
from typing import Any

from twisted.internet.task import react

from filebody import FilebodyError, Progress, UploadAgent
from filebody.resumable import Checkpoints, Notice, upload


def show(progress: Progress) -> None:
    print(f"{progress.confirmed_bytes} of {progress.total_bytes} bytes are safe")


def tell(notice: Notice) -> None:
    print(f"{notice.kind.value} {notice.text}".strip(), f"at byte {notice.offset}")


async def main(reactor: Any, path: str, url: str) -> None:
    agent = UploadAgent(reactor)
    try:
        outcome = await upload(
            agent,
            url,
            Path(path),
            checkpoints=Checkpoints(),
            on_progress=show,
            on_notice=tell,
        )
    except FilebodyError as error:
        sys.exit(f"not done: {error}")
    finally:
        agent.close()
    print(f"{outcome.length} bytes arrived by {outcome.protocol.value}")
    print(f"{outcome.resumed_bytes} of them were there already")


react(main, sys.argv[1:])

"""Send a file by UploadAgent: with progress, with retries, and with treq for the answer."""

import sys
from typing import Any

import treq
from twisted.internet.task import react

from filebody import PathBody, Progress, UploadAgent
from filebody.agent import Attempt, Options, Retries


def show(progress: Progress) -> None:
    print(f"{progress.reached_bytes} of {progress.total_bytes} bytes have arrived")


def complain(attempt: Attempt) -> None:
    why = attempt.error or f"{attempt.url} answered {attempt.status}"
    print(f"attempt {attempt.number}: {why}; again in {attempt.delay_seconds:.1f} s")


async def main(reactor: Any, path: str, url: str) -> None:
    options = Options(
        retries=Retries(limit=4, first_delay_seconds=0.2),
        on_progress=show,
        on_retry=complain,
    )
    agent = UploadAgent(reactor, options=options)
    response = await agent.request(b"PUT", url.encode(), None, PathBody(path))
    print(response.code, (await treq.text_content(response)).strip())
    agent.close()


react(main, sys.argv[1:])

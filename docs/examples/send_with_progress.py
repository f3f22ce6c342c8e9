"""Send a file with treq and show a line of progress twice a second."""

import sys
from typing import Any

import treq
from twisted.internet.task import LoopingCall, react

from filebody import FileBodyProducer, PathBody, Progress


class Display:
    """Keeps the latest progress; a timer decides how often it is shown."""

    def __init__(self) -> None:
        self.latest: Progress | None = None

    def keep(self, progress: Progress) -> None:
        self.latest = progress

    def show(self) -> None:
        latest = self.latest
        if latest is not None and latest.fraction is not None:
            print(f"{latest.fraction:.0%}, {latest.remaining_seconds or 0:.0f} s left")


async def main(_reactor: Any, path: str, url: str) -> None:
    display = Display()
    timer = LoopingCall(display.show)
    timer.start(0.5)
    producer = FileBodyProducer(PathBody(path), on_progress=display.keep)
    response = await treq.put(url, producer)
    timer.stop()
    display.show()
    print(response.code, await response.text())


react(main, sys.argv[1:])

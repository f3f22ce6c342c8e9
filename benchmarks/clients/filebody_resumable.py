"""filebody: `python filebody_resumable.py URL FILE STATE`."""

import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from filebody import UploadAgent
from filebody.resumable import Checkpoints, upload


def main(reactor: Any, url: str, path: str, state: str) -> Deferred[Any]:
    """Send a file."""
    return upload(UploadAgent(reactor), url, Path(path), checkpoints=Checkpoints(state))


react(main, sys.argv[1:])

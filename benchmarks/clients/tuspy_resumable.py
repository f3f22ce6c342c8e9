"""tuspy: `python tuspy_resumable.py URL FILE [STATE]`; with STATE it goes on with what it began."""

import sys

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage


def main(url: str, path: str, state: str = "") -> None:
    """Send a file; it reads as much as one request carries into memory."""
    storage = FileStorage(state) if state else None  # type: ignore[no-untyped-call]
    # Its default is to send everything with one request, which it has to hold in memory.
    TusClient(url).uploader(path, store_url=bool(state), url_storage=storage).upload()


main(*sys.argv[1:])

"""Send a file as a field of a form (multipart/form-data), by treq."""

import sys
from pathlib import Path

import treq
from twisted.internet.task import react

from filebody import FileBodyProducer, PathBody


async def main(_reactor: object, path: str, url: str) -> None:
    file = (Path(path).name, "application/octet-stream", FileBodyProducer(PathBody(path)))
    response = await treq.post(url, data={"comment": "as promised"}, files={"file": file})
    print(response.code, await response.text())


react(main, sys.argv[1:])

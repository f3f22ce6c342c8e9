"""What a sink understands of a request, and what it says."""

from __future__ import annotations

from typing import Self

import attrs

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
LAST_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@attrs.frozen
class Head:
    """The head of a request.

    Attributes:
        length: Of its body in bytes; all clients know it here.
        expects_continue: Whether it waits for a 100 (Continue) before the body.
    """

    length: int
    expects_continue: bool

    @classmethod
    def parse(cls, head: bytes) -> Self:
        """Read a head, with the empty line at its end."""
        fields = {}
        for line in head.lower().split(b"\r\n")[1:-2]:
            name, _, value = line.partition(b":")
            fields[name] = value.strip()
        return cls(int(fields.get(b"content-length", 0)), fields.get(b"expect") == b"100-continue")

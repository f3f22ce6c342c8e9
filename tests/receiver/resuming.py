"""Requests of both protocols for resumable uploads, as bytes."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from tests.receiver.wire import Wire, head

if TYPE_CHECKING:
    from tests.receiver.process import ReceiverProcess
    from tests.receiver.wire import Answer

TUS = "Tus-Resumable: 1.0.0"
TUS_TYPE = "Content-Type: application/offset+octet-stream"
IETF_TYPE = "Content-Type: application/partial-upload"
VERSIONS = (10, 9, 8, 7, 6)


def metadata(**values: str) -> str:
    pairs = [f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()]
    return f"Upload-Metadata: {','.join(pairs)}"


def checksum(algorithm: str, content: bytes) -> str:
    digest = base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
    return f"Upload-Checksum: {algorithm} {digest}"


def draft(version: int) -> str:
    return f"Upload-Draft-Interop-Version: {version}"


def message(method: str, target: str, *fields: str, body: bytes | None = None) -> bytes:
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    return head(method, target, *length, *fields) + (body or b"")


def ask(
    receiver: ReceiverProcess, method: str, target: str, *fields: str, body: bytes | None = None
) -> Answer:
    """Send one request on a connection of its own, and give its final answer."""
    with Wire(receiver.address) as wire:
        wire.send(message(method, target, *fields, body=body))
        return final(wire, method)


def located(target: str, answer: Answer, field: str = "location") -> str:
    """The path that a response to a request for `target` refers to."""
    return urljoin(target, answer.fields[field])


def final(wire: Wire, method: str = "GET") -> Answer:
    """Skip interim responses."""
    while (answer := wire.answer(method)).status < 200:
        pass
    return answer


def tus_create(
    receiver: ReceiverProcess, length: int | None, target: str = "/", *fields: str
) -> str:
    """Make an upload, and give its path."""
    size = "Upload-Defer-Length: 1" if length is None else f"Upload-Length: {length}"
    answer = ask(receiver, "POST", target, TUS, size, *fields, body=b"")
    assert answer.status == 201, answer
    return located(target, answer)


def tus_append(
    receiver: ReceiverProcess, path: str, offset: int, body: bytes, *fields: str
) -> Answer:
    return ask(
        receiver, "PATCH", path, TUS, TUS_TYPE, f"Upload-Offset: {offset}", *fields, body=body
    )


def tus_head(receiver: ReceiverProcess, path: str) -> Answer:
    return ask(receiver, "HEAD", path, TUS)


def ietf_create(receiver: ReceiverProcess, target: str, *fields: str, version: int = 10) -> str:
    """Make an empty upload, and give its path."""
    answer = ask(receiver, "POST", target, draft(version), "Upload-Complete: ?0", *fields, body=b"")
    assert answer.status == 201, answer
    return located(target, answer)


def ietf_append(
    receiver: ReceiverProcess,
    path: str,
    offset: int,
    body: bytes,
    *fields: str,
    complete: bool = False,
    version: int = 10,
) -> Answer:
    said = [
        draft(version),
        IETF_TYPE,
        f"Upload-Offset: {offset}",
        f"Upload-Complete: ?{complete:d}",
    ]
    return ask(receiver, "PATCH", path, *said, *fields, body=body)


def ietf_head(receiver: ReceiverProcess, path: str, version: int = 10) -> Answer:
    return ask(receiver, "HEAD", path, draft(version))

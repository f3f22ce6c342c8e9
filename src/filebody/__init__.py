"""The upload half of HTTP for event-driven Python.

Sends files over HTTP without blocking the event loop, losing a byte, or calling a damaged upload
a success. `FileBodyProducer` is a drop-in for Twisted's; a `Body` says what to send.
"""

from filebody.body import (
    Body,
    BytesBody,
    ConcatBody,
    DigestBody,
    FileBody,
    IterableBody,
    PathBody,
    Reader,
    SliceBody,
    WaitBy,
    as_body,
)
from filebody.errors import (
    BodyChanged,
    BodyError,
    BodyReadError,
    BodyShrank,
    DigestMismatch,
    FilebodyError,
    NotReplayable,
    RemoteError,
    TransferError,
    TransferTimeout,
    UsageError,
)
from filebody.produce import FileBodyProducer
from filebody.progress import Progress

__all__ = [
    "Body",
    "BodyChanged",
    "BodyError",
    "BodyReadError",
    "BodyShrank",
    "BytesBody",
    "ConcatBody",
    "DigestBody",
    "DigestMismatch",
    "FileBody",
    "FileBodyProducer",
    "FilebodyError",
    "IterableBody",
    "NotReplayable",
    "PathBody",
    "Progress",
    "Reader",
    "RemoteError",
    "SliceBody",
    "TransferError",
    "TransferTimeout",
    "UsageError",
    "WaitBy",
    "as_body",
]

"""The receiver: an HTTP/1.1 server that streams what it receives into a directory."""

from __future__ import annotations

from filebody.receiver._config import ReceiverConfig
from filebody.receiver._events import (
    Aborted,
    Interrupted,
    ReceiverEvent,
    Refused,
    Served,
    Stored,
)
from filebody.receiver._server import Receiver

__all__ = [
    "Aborted",
    "Interrupted",
    "Receiver",
    "ReceiverConfig",
    "ReceiverEvent",
    "Refused",
    "Served",
    "Stored",
]

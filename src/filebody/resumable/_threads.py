"""What would block the reactor, elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

__all__ = ["in_thread"]


def in_thread(reactor: Any, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
    """Call something that blocks, in a worker thread of the reactor's."""
    return deferToThreadPool(reactor, reactor.getThreadPool(), function, *arguments)

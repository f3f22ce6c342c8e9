"""A receiver of our own, for when there is no URL: what is sent ends up beside us."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from filebody.receiver import Receiver, ReceiverConfig

__all__ = ["receiving_here"]

_WEEK_SECONDS = 7 * 24 * 3600.0


@contextlib.asynccontextmanager
async def receiving_here(reactor: Any, directory: str) -> AsyncIterator[tuple[str, str]]:
    """A receiver that nobody else can use.

    Args:
        reactor: The reactor.
        directory: Where it stores what comes; files of the same name are replaced.

    Yields:
        Its URL, and the token that it asks for.
    """
    token = secrets.token_urlsafe()
    config = ReceiverConfig(
        directory=Path(directory),
        overwrite=True,
        token=token,
        idle_timeout_seconds=_WEEK_SECONDS,  # somebody may be typing
    )
    receiver = Receiver(config, reactor=reactor)
    await receiver.start()
    try:
        yield receiver.url, token
    finally:
        await receiver.stop(0)

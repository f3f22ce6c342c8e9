"""WHERE: an agent made for uploads. It owns its sockets and drains readers into them."""

from filebody.agent._listener import ExchangeListener, Moment
from filebody.agent._options import (
    Attempt,
    Digest,
    Expect,
    Informational,
    Options,
    Retries,
    Timeouts,
)
from filebody.agent._rate import RateLimit

__all__ = [
    "Attempt",
    "Digest",
    "ExchangeListener",
    "Expect",
    "Informational",
    "Moment",
    "Options",
    "RateLimit",
    "Retries",
    "Timeouts",
]

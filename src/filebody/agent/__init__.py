"""WHERE: an agent made for uploads. It owns its sockets and drains readers into them."""

from filebody.agent._agent import UploadAgent
from filebody.agent._cookies import Cookies
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
from filebody.agent._pool import PoolLimits
from filebody.agent._proxy import Proxies, Proxy
from filebody.agent._rate import RateLimit
from filebody.agent._response import Response

__all__ = [
    "Attempt",
    "Cookies",
    "Digest",
    "ExchangeListener",
    "Expect",
    "Informational",
    "Moment",
    "Options",
    "PoolLimits",
    "Proxies",
    "Proxy",
    "RateLimit",
    "Response",
    "Retries",
    "Timeouts",
    "UploadAgent",
]

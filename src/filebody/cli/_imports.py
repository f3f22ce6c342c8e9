"""Imports of Twisted without what a sending command does not use.

More than half of the time to send a small file went into them: Twisted's TLS is built on pyOpenSSL
and cryptography, while the agent has TLS from the standard library; and Twisted imports
`http.cookiejar` for programs that ask it for that.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator

__all__ = ["import_reactor"]

# Twisted does without, as where it is not installed.
_NEEDLESS = "OpenSSL"
# Imported by name and never used by us: loaded when somebody looks into it.
_LATER = "http.cookiejar"


def import_reactor() -> None:
    """Import Twisted's reactor, which installs one; no Twisted may be imported before."""
    with _without_needless_imports():
        from twisted.internet import reactor  # noqa: F401, PLC0415 - see above


@contextlib.contextmanager
def _without_needless_imports() -> Iterator[None]:
    """Spare what Twisted imports for others; afterwards everything can be imported again."""
    _load_later(_LATER)
    is_spared = _NEEDLESS not in sys.modules
    if is_spared:
        sys.modules[_NEEDLESS] = None  # type: ignore[assignment] # as importlib documents it
    try:
        yield
    finally:
        if is_spared:
            sys.modules.pop(_NEEDLESS, None)


def _load_later(name: str) -> None:
    """Put a module in place that loads itself on first use (`importlib.util.LazyLoader`)."""
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    package, _, attribute = name.rpartition(".")
    setattr(importlib.import_module(package), attribute, module)  # found there, it is not loaded

"""Errors of ours that are Twisted's `ResponseFailed` as well.

`IResponse.deliverBody` promises that a body that is not whole ends with `ResponseFailed`, and
callers check for it. They can check for our own types all the same.

Source: `twisted.web.iweb.IResponse.deliverBody`.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import Any, cast

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from filebody.errors import FilebodyError

__all__ = ["response_failed"]


def response_failed(failure: Failure, response: object) -> Failure:
    """Return what a protocol is told when a body is not whole.

    Args:
        failure: Why it is not.
        response: The response whose body that is.

    Returns:
        A failure of `ResponseFailed`, whose `reasons` are `failure` alone. If that is an error of
        ours or `CancelledError`, it is of that type too, with the same attributes.
    """
    error = failure.value
    try:
        if isinstance(error, FilebodyError | CancelledError):
            kind: Any = _both(cast("Hashable", type(error)))
            told = kind.__new__(kind, *error.args)
            told.__dict__.update(error.__dict__)
            told.args = error.args
            told.reasons = [failure]
            told.response = response
        else:
            told = _response_failed()([failure], response)
    except (ImportError, TypeError):
        # Where pyOpenSSL is installed and service_identity is not, twisted.web.client cannot be
        # imported: then nobody can check for its types.
        return failure
    told.__cause__ = error
    return Failure(told)


@functools.cache
def _response_failed() -> Any:
    from twisted.web.client import ResponseFailed  # noqa: PLC0415 - it takes a while

    return ResponseFailed


@functools.cache
def _both(kind: Hashable) -> Any:
    name, module, doc = (getattr(kind, f"__{fact}__") for fact in ("name", "module", "doc"))
    bases = (cast("type[Any]", kind), cast("type[Any]", _response_failed()))
    return type(name, bases, {"__module__": module, "__doc__": doc})

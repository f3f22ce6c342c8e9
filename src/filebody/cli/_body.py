"""What is sent: a source that was looked at, with a digest of what the last pass has read."""

from __future__ import annotations

import errno
import os

from filebody.body import Body, DigestBody, PathBody, Reader
from filebody.cli._targets import Source
from filebody.errors import BodyReadError, UsageError

__all__ = ["HashedBody", "body_of"]


class HashedBody(Body):
    """The bytes of `body`, hashed anew in each pass: a redirection or a retry needs another one.

    Args:
        body: Another body.
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        self.length = body.length
        self.source = body.source
        self.replayable = body.replayable
        self._pass = DigestBody(body)

    def digest(self) -> bytes:
        """The SHA-256 digest of what the last pass has read."""
        return self._pass.digest()

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`; only the whole body can be opened."""
        self._pass = DigestBody(self.body)
        return self._pass.open(offset, stop)


def body_of(source: Source, *, allow_changes: bool) -> Body:
    """The body, after a look at whether it can be read: no server is to be bothered if not.

    Raises:
        BodyReadError: It cannot.
    """
    try:
        body = source.body(allow_changes=allow_changes)
        if isinstance(body, PathBody) and body.replayable:
            os.close(os.open(body.path, os.O_RDONLY | os.O_CLOEXEC))
    except UsageError as error:
        is_directory = os.path.isdir(source.argument)
        reason = "it is a directory" if is_directory else str(error)
        cause = OSError(errno.EISDIR if is_directory else errno.EINVAL, reason)
        raise BodyReadError(source.shown, 0, cause) from error
    except BodyReadError:
        raise
    except OSError as error:
        raise BodyReadError(source.shown, 0, error) from error
    return body

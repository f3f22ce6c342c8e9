"""One request at a time for each upload: a new one takes over from one that is likely dead.

A client that comes back has lost its connection; we may not have noticed yet. So whoever still
receives is ended, keeps what it has written, and lets go; the new one waits just for that.

Source: draft-ietf-httpbis-resumable-upload-15 section 4.6 (concurrency).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Hold", "Holds"]


class Hold:
    """One request's claim to an upload. Made by `Holds.take`.

    Attributes:
        granted: Fires with this object when no earlier claim is left.
        is_concluding: Whether all bytes are there and the file is being stored, which may take as
            long as reading it. Set by the holder.
    """

    def __init__(self, upload_id: str, evict: Callable[[], None]) -> None:
        self.granted: Deferred[Hold] = Deferred()
        self.is_concluding = False
        self._upload_id = upload_id
        self._evict = evict


class Holds:
    """The claims to all uploads, in the order in which they came."""

    def __init__(self) -> None:
        self._claims: dict[str, list[Hold]] = {}

    def take(self, upload_id: str, evict: Callable[[], None]) -> Hold:
        """Claim an upload.

        Args:
            upload_id: Which.
            evict: Called when another request claims it: let go soon. A request that needs no
                more from its client may just end.
        """
        hold = Hold(upload_id, evict)
        claims = self._claims.setdefault(upload_id, [])
        earlier = tuple(claims)
        claims.append(hold)
        for claim in earlier:
            claim._evict()  # noqa: SLF001 - two halves of one module
        if claims[0] is hold and not hold.granted.called:
            hold.granted.callback(hold)
        return hold

    def release(self, hold: Hold) -> None:
        """Let go; a second time it does nothing."""
        claims = self._claims.get(hold._upload_id, [])  # noqa: SLF001 - as in `take`
        if hold not in claims:
            return
        claims.remove(hold)
        if not claims:
            del self._claims[hold._upload_id]  # noqa: SLF001 - as in `take`
        elif not claims[0].granted.called:
            claims[0].granted.callback(claims[0])

    def is_concluding(self, upload_id: str) -> bool:
        """Say whether the file of an upload is being stored just now."""
        claims = self._claims.get(upload_id, [])
        return any(claim.is_concluding for claim in claims[:1])

    def held(self) -> Sequence[str]:
        """The uploads that are claimed now."""
        return tuple(self._claims)

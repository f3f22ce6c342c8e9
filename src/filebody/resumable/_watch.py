"""How far an upload is, all its parts together, and who is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from filebody.progress import Progress
from filebody.resumable._keeper import Keeper, PrefixHash
from filebody.resumable._notice import Notice, NoticeKind
from filebody.resumable._phases import Phase
from filebody.resumable._runner import Observer
from filebody.resumable._state import State
from filebody.resumable._threads import in_thread
from filebody.resumable._values import Send

__all__ = ["Watches"]

_log = Logger()


class Watches:
    """The watches of all parts, and what the user hears of them together.

    Args:
        reactor: Its threads.
        length: How many bytes there are, or None.
        on_progress: Called with how far it is, if anybody wants to know.
        on_notice: Called with what happened, if anybody wants to know.

    Attributes:
        keeper: Writes the checkpoint, once there is one.
        is_resuming: Whether the server is asked how much it has of what was begun.
    """

    def __init__(
        self,
        reactor: Any,
        length: int | None,
        on_progress: Callable[[Progress], object] | None,
        on_notice: Callable[[Notice], object] | None,
    ) -> None:
        self.reactor = reactor
        self.keeper: Keeper | None = None
        self.is_resuming = False
        self._length = length
        self._on_progress = on_progress
        self._on_notice = on_notice
        self._begun = time.monotonic()
        self._watches: list[_Watch] = []

    def watch(self, number: int | None, hashing: PrefixHash | None) -> Observer:
        """Watch one more part, or with None what is none of them."""
        watch = _Watch(self, number, hashing)
        if number is not None:
            self._watches.append(watch)
        return watch

    def clear(self) -> None:
        """Begin anew, with other parts."""
        self._watches.clear()

    @property
    def resumed_bytes(self) -> int:
        """How much the server had when this began."""
        return sum(watch.resumed or 0 for watch in self._watches)

    def answered(self) -> None:
        """One more part knows how much of it the server had."""
        if self.is_resuming and all(watch.resumed is not None for watch in self._watches):
            self.is_resuming = False
            if self.resumed_bytes:
                self.notice(Notice(kind=NoticeKind.RESUMED, offset=self.resumed_bytes))

    def not_kept(self, error: OSError) -> None:
        """There is no checkpoint; it is sent all the same."""
        why = getattr(error, "strerror", None) or error
        text = f"another process could not go on with it: {why}"
        self.notice(Notice(kind=NoticeKind.NOT_KEPT, text=text))

    def report(self) -> None:
        """Tell the user how far it is."""
        if self._on_progress is None or not self._watches:
            return
        progress = Progress(
            sum(watch.sent for watch in self._watches),
            self._length,
            time.monotonic() - self._begun,
            sum(watch.acknowledged for watch in self._watches),
            sum(watch.confirmed for watch in self._watches),
            self.resumed_bytes,
        )
        try:
            self._on_progress(progress)
        except Exception:  # noqa: BLE001 - the user's mistake must not damage the upload
            _log.failure("on_progress failed")

    def notice(self, notice: Notice) -> None:
        """Tell the user what happened."""
        if self._on_notice is None:
            return
        try:
            self._on_notice(notice)
        except Exception:  # noqa: BLE001
            _log.failure("on_notice failed")


class _Watch(Observer):
    """How far one part is.

    Args:
        all_parts: Its siblings, and it.
        number: Which one it is in the checkpoint; None for what is in none.
        hashing: What digests its beginning, or None.
    """

    def __init__(self, all_parts: Watches, number: int | None, hashing: PrefixHash | None) -> None:
        self._all = all_parts
        self._number = number
        self._hashing = hashing
        self._prepared: Send | None = None
        self.sent = 0
        self.acknowledged = 0
        self.confirmed = 0
        self.resumed: int | None = None

    def changed(self, state: State) -> None:
        """See `Observer.changed`; what the server did not get is not sent any more."""
        if self.resumed is None and state.phase is not Phase.ASKING:
            self.resumed = state.confirmed
            self._all.answered()
        self.confirmed = state.confirmed
        is_sending = state.request.has_content and not state.is_waiting
        if not is_sending or self.sent < self.confirmed:
            self.sent = self.acknowledged = self.confirmed
        if not is_sending or state.request is self._prepared:
            self._keep(state)
        self._all.report()

    async def before(self, state: State, send: Send) -> None:
        """See `Observer.before`; what is hashed must not be kept as sent before it is hashed."""
        await self._prepare(state, send)
        self._prepared = send

    def progressed(self, sent: int, acknowledged: int) -> None:
        """See `Observer.progressed`."""
        self.sent, self.acknowledged = sent, max(acknowledged, self.confirmed)
        self._all.report()

    def notice(self, notice: Notice) -> None:
        """See `Observer.notice`."""
        self._all.notice(notice)

    async def _prepare(self, state: State, send: Send) -> None:
        keeper = self._all.keeper
        if keeper is None or self._number is None:
            return
        if self._hashing is not None and send.stop is not None:
            prefix = await in_thread(self._all.reactor, self._hashing.reach, send.stop)
            keeper.hashed(self._number, prefix)
        keeper.changed(self._number, state)
        if state.held is not None:
            try:
                await keeper.save()
            except OSError as error:
                self._all.not_kept(error)

    def _keep(self, state: State) -> None:
        if self._all.keeper is not None and self._number is not None:
            self._all.keeper.changed(self._number, state)

"""Ages of uploads that do not follow the wall clock while the receiver runs.

A file's modification time survives the receiver, and is only as good as the wall clock. So it is
read once for each change; from then on the monotonic clock counts.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Ages"]

# A modification time that is off by more is corrected: the clock was set.
_OFF_SECONDS: Final = 60.0


@attrs.frozen
class _Look:
    """The last look at an upload.

    Attributes:
        stamp: Its modification time, in seconds since the epoch.
        touched: When that was, on the monotonic clock.
        at: When it was looked at, on the monotonic clock.
    """

    stamp: float
    touched: float
    at: float


class Ages:
    """The time since each upload was last written to. For any thread.

    Args:
        now: The time in seconds since the epoch.
        monotonic: The time in seconds since whenever.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}

    def age(self, upload_id: str, stamp: float) -> float:
        """Tell how many seconds ago an upload was written to.

        Args:
            upload_id: The upload.
            stamp: The modification time of its file, in seconds since the epoch.
        """
        at = self._monotonic()
        with self._lock:
            known = self._looks.get(upload_id)
            if known is None or known.stamp != stamp:
                seconds = max(0.0, self.now() - stamp)
                if known is not None:  # it was written to since the last look, not earlier
                    seconds = min(seconds, at - known.at)
                touched = at - seconds
            else:
                touched = known.touched
            self._looks[upload_id] = _Look(stamp, touched, at)
        return at - touched

    def corrected(self, stamp: float, age_seconds: float) -> float | None:
        """Give the modification time that fits an age, if the clock was set since; else None."""
        right = self.now() - age_seconds
        return right if abs(right - stamp) > _OFF_SECONDS else None

    def correct(self, upload_id: str, stamp: float) -> None:
        """Take note of a modification time that was corrected; the age stays."""
        with self._lock:
            if upload_id in self._looks:
                self._looks[upload_id] = attrs.evolve(self._looks[upload_id], stamp=stamp)

    def forget(self, upload_id: str) -> None:
        """Forget an upload."""
        with self._lock:
            self._looks.pop(upload_id, None)

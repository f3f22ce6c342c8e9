"""How many bytes unfinished uploads have or announce, and how many they may."""

from __future__ import annotations

import threading

from filebody.receiver._refusal import Refusal

__all__ = ["Quota"]


class Quota:
    """Counts uploads by what each may grow to, or has. For any thread.

    Args:
        limit: How many bytes all may have together; None for any number.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._total_bytes = 0

    def __len__(self) -> int:
        """How many uploads are counted."""
        return len(self._sizes)

    def reserve(self, upload_id: str, size_bytes: int) -> None:
        """Count an upload with so many bytes, if it is not counted with more.

        Raises:
            Refusal: 507 where that is more than may be.
        """
        with self._lock:
            more = size_bytes - self._sizes.get(upload_id, 0)
            if self._limit is not None and more > 0 and self._total_bytes + more > self._limit:
                raise Refusal(
                    507,
                    f"{size_bytes} bytes do not fit: unfinished uploads may have {self._limit} "
                    f"bytes together, and {self._total_bytes} are taken",
                )
            if more > 0 or upload_id not in self._sizes:
                self._sizes[upload_id] = size_bytes
                self._total_bytes += max(more, 0)

    def count(self, upload_id: str, size_bytes: int) -> None:
        """Count an upload whose bytes are there already, whether they may be or not."""
        with self._lock:
            self._total_bytes += size_bytes - self._sizes.get(upload_id, 0)
            self._sizes[upload_id] = size_bytes

    def move(self, part_id: str, upload_id: str) -> None:
        """Count the bytes of a part as those of what it becomes."""
        with self._lock:
            size_bytes = self._sizes.pop(part_id, 0)
            self._sizes[upload_id] = self._sizes.get(upload_id, 0) + size_bytes

    def release(self, upload_id: str) -> None:
        """Count an upload no longer."""
        with self._lock:
            self._total_bytes -= self._sizes.pop(upload_id, 0)

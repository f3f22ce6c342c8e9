"""The bytes that resumable uploads have or announce, and how many they may."""

from __future__ import annotations

import threading

from filebody.receiver._refusal import Refusal

__all__ = ["Quota"]


class Quota:
    """Counts uploads by what each may grow to, or has, and their records. For any thread.

    Args:
        limit: How many bytes all may have together; None for any number.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._records: dict[str, int] = {}
        self._total_bytes = 0

    @property
    def uploads(self) -> int:
        """The number of unfinished uploads."""
        return len(self._sizes)

    @property
    def records(self) -> int:
        """The number of records, of finished uploads too."""
        return len(self._records)

    def has_room(self, size_bytes: int) -> bool:
        """Say whether so many bytes more may be."""
        return self._limit is None or self._total_bytes + size_bytes <= self._limit

    def reserve(self, upload_id: str, size_bytes: int) -> None:
        """Count an upload with so many bytes, if it is not counted with more.

        Raises:
            Refusal: 413 where no upload may have so many, 507 where others have them.
        """
        with self._lock:
            more = size_bytes - self._sizes.get(upload_id, 0)
            if more > 0 and not self.has_room(more):
                raise self._refusal(size_bytes + self._records.get(upload_id, 0))
            if more > 0 or upload_id not in self._sizes:
                self._sizes[upload_id] = size_bytes
                self._total_bytes += max(more, 0)

    def reserve_record(self, upload_id: str, size_bytes: int) -> None:
        """Count the record of a new upload.

        Raises:
            Refusal: As `reserve`.
        """
        with self._lock:
            if not self.has_room(size_bytes):
                raise self._refusal(size_bytes)
        self.count_record(upload_id, size_bytes)

    def count(self, upload_id: str, size_bytes: int) -> None:
        """Count an upload whose bytes are there already, whether they may be or not."""
        with self._lock:
            self._total_bytes += size_bytes - self._sizes.get(upload_id, 0)
            self._sizes[upload_id] = size_bytes

    def count_record(self, upload_id: str, size_bytes: int) -> None:
        """Count the record of an upload, whether it may be or not."""
        with self._lock:
            self._total_bytes += size_bytes - self._records.get(upload_id, 0)
            self._records[upload_id] = size_bytes

    def move(self, part_id: str, upload_id: str) -> None:
        """Count the bytes of a part as those of what it becomes."""
        with self._lock:
            size_bytes = self._sizes.pop(part_id, 0)
            self._sizes[upload_id] = self._sizes.get(upload_id, 0) + size_bytes

    def release(self, upload_id: str) -> None:
        """Count the bytes of an upload no longer; its record stays."""
        with self._lock:
            self._total_bytes -= self._sizes.pop(upload_id, 0)

    def forget(self, upload_id: str) -> None:
        """Count an upload and its record no longer."""
        self.release(upload_id)
        with self._lock:
            self._total_bytes -= self._records.pop(upload_id, 0)

    def _refusal(self, size_bytes: int) -> Refusal:
        limit = self._limit or 0
        if size_bytes > limit:
            return Refusal(413, f"{size_bytes} bytes: all uploads together may have {limit} here")
        return Refusal(
            507,
            f"{size_bytes} bytes do not fit: unfinished uploads may have {limit} "
            f"bytes together, and {self._total_bytes} are taken",
        )

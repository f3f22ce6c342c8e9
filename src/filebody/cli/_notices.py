"""What a user is told of a resumable upload, besides how far it is."""

from __future__ import annotations

from collections.abc import Callable

from filebody.cli._load import Load
from filebody.cli._messages import cause_of
from filebody.cli._secrets import text_without_identifiers
from filebody.cli._show import Show
from filebody.cli._words import one_line, size
from filebody.resumable import Notice, NoticeKind, Protocol

__all__ = ["Notices", "Waiting", "touched_words"]

# What is over sooner is not going to be cut off.
_QUICK_SECONDS = 1.0
_SILENT_SECONDS = 3.0
_NOTHING_YET = "nothing to read yet; waiting for a program that writes to it"
_NAMES = {
    Protocol.TUS.value: "tus",
    Protocol.IETF.value: "Resumable Uploads for HTTP",
}


def touched_words(source: str) -> str:
    """What to say of a file that was touched, and sent all the same."""
    happening = "moved, linked or given another mode"
    return f"{source} was {happening} while it was sent; its content is the same"


class Waiting:
    """Says once that nothing has come yet from what can be read only once.

    Args:
        load: What is sent.
        show: Where to say it.
    """

    def __init__(self, load: Load, show: Show) -> None:
        self._load = load
        self._show = show
        self._is_said = load.content.length is not None

    def look(self, seconds: float) -> None:
        """Called several times a second; for so long it has been sent."""
        if self._is_said or seconds < _SILENT_SECONDS:
            return
        self._is_said = True
        if not self._load.read_bytes:
            self._show.tell(f"filebody: {one_line(self._load.content.source)}: {_NOTHING_YET}")


class Notices:
    """Puts notices into lines, and those that are the same for each file into one.

    Args:
        tell: Takes a line that is safe to be shown.

    Attributes:
        protocol: How the upload is sent, once that is known, if it can be resumed.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.protocol: str | None = None
        self._tell = tell
        self._is_said = False
        self._source = ""
        self._is_kept = True
        self._total_bytes: int | None = None

    def begin(self, source: str, total_bytes: int | None, *, is_begun: bool, is_kept: bool) -> None:
        """The next upload.

        Args:
            source: The file, safe to be shown.
            total_bytes: How many bytes it has, or None.
            is_begun: Whether it was begun before.
            is_kept: Whether another process can resume it.
        """
        self.protocol = None
        self._is_kept = is_kept
        self._source, self._total_bytes = source, total_bytes
        self._is_said = self._is_said or is_begun

    def hear(self, notice: Notice) -> None:
        """Put it into words."""
        words = self._words(notice)
        if words:
            self._tell(one_line(f"filebody: {text_without_identifiers(words)}"))

    def moving(self, seconds: float) -> None:
        """Something is being sent, for so long: the server did not refuse it at once."""
        if self.protocol is not None and not self._is_said and seconds >= _QUICK_SECONDS:
            self._is_said = True
            self._tell(f"filebody: {self._promise()}")

    def _words(self, notice: Notice) -> str:
        match notice.kind:
            case NoticeKind.CHOSEN:
                return self._chosen(notice.text)
            case NoticeKind.RESUMED:
                total = "" if self._total_bytes is None else f" of {size(self._total_bytes)}"
                return f"resuming {self._source} at {size(notice.offset)}{total}"
            case NoticeKind.ANEW:
                return f"beginning {self._source} anew: {notice.text}"
            case NoticeKind.RETRYING:
                again = f"again in {notice.delay_seconds:.1f} s"
                return f"{self._source}: {cause_of(notice.error)}; {again}"
            case NoticeKind.TOUCHED:
                return touched_words(self._source)
            case NoticeKind.NOT_KEPT | NoticeKind.WAITING:
                return f"{self._source}: {notice.text}"

    def _chosen(self, protocol: str) -> str:
        if protocol not in _NAMES:
            return f"the server cannot resume uploads: {self._source} was sent in one request"
        self.protocol = protocol
        return ""

    def _promise(self) -> str:
        name = _NAMES.get(self.protocol or "", "")
        if self._is_kept:
            return f"resumable ({name}): if it is cut off, the same command resumes it"
        return f"resumable ({name}): if the connection is cut off, it goes on where it was"

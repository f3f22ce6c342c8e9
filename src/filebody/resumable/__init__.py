"""Uploads that survive failures: tus 1.0 and the IETF's Resumable Uploads for HTTP."""

from filebody.resumable._checkpoint import Checkpoint, Part, Prefix
from filebody.resumable._checkpoint_store import Checkpoints
from filebody.resumable._driver import cancel, discover, upload
from filebody.resumable._identity import SourceIdentity
from filebody.resumable._notice import Notice, NoticeKind
from filebody.resumable._outcome import Outcome
from filebody.resumable._state import Held
from filebody.resumable._upload import MAX_PARTS
from filebody.resumable._values import Offer, Protocol

__all__ = [
    "MAX_PARTS",
    "Checkpoint",
    "Checkpoints",
    "Held",
    "Notice",
    "NoticeKind",
    "Offer",
    "Outcome",
    "Part",
    "Prefix",
    "Protocol",
    "SourceIdentity",
    "cancel",
    "discover",
    "upload",
]

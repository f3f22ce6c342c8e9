"""Uploads that survive failures: tus 1.0 and the IETF's Resumable Uploads for HTTP.

What is asked for is imported then: to see that nothing was begun needs no part that sends.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from filebody.resumable._checkpoint import Checkpoint, Part, Prefix
    from filebody.resumable._checkpoint_store import Checkpoints
    from filebody.resumable._driver import cancel, discover, upload
    from filebody.resumable._identity import SourceIdentity
    from filebody.resumable._notice import Notice, NoticeKind
    from filebody.resumable._outcome import Outcome
    from filebody.resumable._state import Held
    from filebody.resumable._values import MAX_PARTS, Offer, Protocol

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

_MODULES = {
    "_checkpoint": ("Checkpoint", "Part", "Prefix"),
    "_checkpoint_store": ("Checkpoints",),
    "_driver": ("cancel", "discover", "upload"),
    "_identity": ("SourceIdentity",),
    "_notice": ("Notice", "NoticeKind"),
    "_outcome": ("Outcome",),
    "_state": ("Held",),
    "_values": ("MAX_PARTS", "Offer", "Protocol"),
}


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 - few ask for anything

    for module, names in _MODULES.items():
        if name in names:
            thing: object = getattr(import_module(f"filebody.resumable.{module}"), name)
            globals()[name] = thing
            return thing
    raise AttributeError(f"module 'filebody.resumable' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

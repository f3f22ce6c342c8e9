"""The upload half of HTTP for event-driven Python.

Sends files over HTTP without blocking the event loop, losing a byte, or calling a damaged upload
a success. `FileBodyProducer` is a drop-in for Twisted's; a `Body` says what to send.

What is asked for is imported then: bodies and errors need no Twisted, and to import all of it
takes longer than to send a small file.
"""

TYPE_CHECKING = False  # `typing` takes most of the time in which Ctrl-C cannot be taken care of yet
if TYPE_CHECKING:
    from filebody.agent import UploadAgent
    from filebody.body import (
        Body,
        BytesBody,
        ConcatBody,
        DigestBody,
        EncodedBody,
        FileBody,
        FormField,
        IterableBody,
        MultipartBody,
        PathBody,
        Reader,
        SliceBody,
        WaitBy,
        as_body,
    )
    from filebody.errors import (
        BodyChanged,
        BodyError,
        BodyReadError,
        BodyShrank,
        BodyStopped,
        ChunkedNotSupported,
        ConnectError,
        ConnectionLost,
        ConnectTimeout,
        DigestMismatch,
        EarlySuccess,
        FilebodyError,
        NoProgress,
        NotOffered,
        NotReplayable,
        ProtocolError,
        ProxyError,
        RedirectError,
        RemoteError,
        ResponseTimeout,
        ResumeError,
        StallTimeout,
        TLSError,
        TLSTimeout,
        TotalTimeout,
        TransferError,
        TransferTimeout,
        UploadGone,
        UploadLocked,
        UploadTooLarge,
        UsageError,
        WrongBodyLength,
        WrongOffset,
    )
    from filebody.produce import FileBodyProducer, IReaderConsumer
    from filebody.progress import Progress

__all__ = [
    "Body",
    "BodyChanged",
    "BodyError",
    "BodyReadError",
    "BodyShrank",
    "BodyStopped",
    "BytesBody",
    "ChunkedNotSupported",
    "ConcatBody",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionLost",
    "DigestBody",
    "DigestMismatch",
    "EarlySuccess",
    "EncodedBody",
    "FileBody",
    "FileBodyProducer",
    "FilebodyError",
    "FormField",
    "IReaderConsumer",
    "IterableBody",
    "MultipartBody",
    "NoProgress",
    "NotOffered",
    "NotReplayable",
    "PathBody",
    "Progress",
    "ProtocolError",
    "ProxyError",
    "Reader",
    "RedirectError",
    "RemoteError",
    "ResponseTimeout",
    "ResumeError",
    "SliceBody",
    "StallTimeout",
    "TLSError",
    "TLSTimeout",
    "TotalTimeout",
    "TransferError",
    "TransferTimeout",
    "UploadAgent",
    "UploadGone",
    "UploadLocked",
    "UploadTooLarge",
    "UsageError",
    "WaitBy",
    "WrongBodyLength",
    "WrongOffset",
    "as_body",
]

# The lighter ones first: each needs none of those behind it.
_ROOMS = ("errors", "progress", "body", "produce", "agent", "resumable")


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 - see above

    if name in _ROOMS:
        return import_module(f"filebody.{name}")
    if name in __all__:
        for room in _ROOMS:
            module = import_module(f"filebody.{room}")
            if name in module.__all__:
                thing: object = getattr(module, name)
                globals()[name] = thing
                return thing
    raise AttributeError(f"module 'filebody' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

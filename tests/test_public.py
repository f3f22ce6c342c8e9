"""The public names are pinned: one that comes or goes is a decision, not an accident."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types
from typing import Any

import pytest

import filebody
import filebody.agent
import filebody.errors
import filebody.receiver
import filebody.resumable
import filebody.testing

PUBLIC = {
    filebody: """
        NoProgress NotOffered ResumeError UploadGone UploadLocked UploadTooLarge WrongOffset
        Body BodyChanged BodyError BodyReadError BodyShrank BodyStopped BytesBody ConcatBody
        ChunkedNotSupported ConnectError ConnectTimeout ConnectionLost DigestBody DigestMismatch
        EarlySuccess
        EncodedBody FileBody FileBodyProducer FilebodyError FormField IReaderConsumer IterableBody
        MultipartBody NotReplayable PathBody Progress ProtocolError ProxyError Reader RedirectError
        RemoteError ResponseTimeout SliceBody StallTimeout TLSError TLSTimeout TotalTimeout
        TransferError TransferTimeout UploadAgent UsageError WaitBy WrongBodyLength as_body
    """,
    filebody.agent: """
        Attempt Cookies Digest ExchangeListener Expect Informational Moment Options PoolLimits
        Proxies Proxy RateLimit Response Retries Timeouts UploadAgent
    """,
    filebody.resumable: """
        MAX_PARTS Checkpoint Checkpoints Held Notice NoticeKind Offer Outcome Part Prefix Protocol
        SourceIdentity cancel discover upload
    """,
    filebody.testing: "check_body check_producer",
    filebody.receiver: """
        Aborted Interrupted Receiver ReceiverConfig ReceiverEvent Refused Served Stored
    """,
}


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_names(module: types.ModuleType) -> None:
    assert sorted(module.__all__) == sorted(PUBLIC[module].split())


def test_names_are_found_where_they_are_asked_for() -> None:
    assert set(filebody.__all__) <= set(dir(filebody))
    with pytest.raises(AttributeError, match="'filebody' has no attribute 'Nobody'"):
        filebody.Nobody  # noqa: B018


def test_bodies_and_errors_need_no_twisted() -> None:
    code = (
        "import sys, filebody; filebody.PathBody; filebody.UsageError; filebody.body;"
        "sys.exit(any(name.startswith(('twisted', 'zope')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def documented(name: str, thing: Any) -> list[str]:
    """The names of what is public in `thing` and has no docstring of its own or its base."""
    missing = [] if inspect.getdoc(thing) else [name]
    if inspect.isclass(thing):
        for attribute, value in vars(thing).items():
            if attribute.startswith("_") or not (callable(value) or isinstance(value, property)):
                continue
            if not inspect.getdoc(getattr(thing, attribute)):
                missing.append(f"{name}.{attribute}")
    return missing


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_every_public_name_has_a_docstring(module: types.ModuleType) -> None:
    assert module.__doc__
    missing = [
        undocumented
        for name in module.__all__
        for undocumented in documented(name, getattr(module, name))
    ]
    assert missing == []


def test_every_error_is_public_and_has_the_root() -> None:
    for name in filebody.errors.__all__:
        error = getattr(filebody.errors, name)
        assert issubclass(error, filebody.FilebodyError)
        assert getattr(filebody, name) is error

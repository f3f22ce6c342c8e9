"""Uploads that were begun and not finished: which there are, and how they are resumed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from filebody.cli._course import course_of
from filebody.cli._options import SendOptions, resume_options
from filebody.cli._screen import Screen
from filebody.cli._secrets import url_without_secrets
from filebody.cli._send import Item, Sending
from filebody.cli._sources import FileSource
from filebody.cli._targets import Target
from filebody.cli._words import one_line, size, unicode
from filebody.errors import UsageError
from filebody.resumable import Checkpoint, Checkpoints

__all__ = ["chosen", "described_uploads", "resuming", "show_uploads"]

_TURN_SECONDS = 15.0
_DAY_SECONDS, _HOUR_SECONDS, _MINUTE_SECONDS = 86_400, 3_600, 60

# Options that are meant for the server of one upload.
_FOR_ONE_SERVER = ("token", "token_file", "user", "netrc", "netrc_file", "cert", "headers")


def show_uploads(screen: Screen, *, as_json: bool) -> int:
    """List them, the oldest first; returns the exit code."""
    store = Checkpoints()
    found = _all(store, screen)
    if as_json:
        for checkpoint in found:
            screen.out_json(_facts(checkpoint, _trouble(checkpoint, store)))
        return 0
    if not found:
        screen.err("no upload is unfinished")
        return 0
    rows = [("ID", "CONFIRMED", "BEGUN", "WHAT")]
    for checkpoint in found:
        trouble = _trouble(checkpoint, store)
        what = f"{checkpoint.source} to {Target.parse(checkpoint.url).shown}"
        what += f" ({trouble})" if trouble else ""
        rows.append((checkpoint.id, _share(checkpoint), _ago(checkpoint), one_line(what)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        screen.out("  ".join([*cells, row[3]]))
    return 0


def described_uploads() -> list[tuple[str, str]]:
    """List the ID of each unfinished upload, the oldest first, and what is sent to where.

    Raises:
        OSError: The directory of checkpoints cannot be read.
    """
    return [
        (
            checkpoint.id,
            one_line(
                f"{checkpoint.source} to {Target.parse(checkpoint.url).shown}, "
                f"{_share(checkpoint)}, {_ago(checkpoint)}"
            ),
        )
        for checkpoint in Checkpoints().all()
    ]


def resuming(given: Mapping[str, Any], screen: Screen) -> Sending | None:
    """What resumes uploads that are named on the command line; None if there are none at all.

    Raises:
        UsageError: That cannot be done; the message says what can.
    """
    found = chosen(given, Checkpoints(), screen)
    if found is None:
        return None
    checkpoints, options = found
    streams = [checkpoint for checkpoint in checkpoints if checkpoint.is_stream]
    if streams and not given["is_all"]:
        raise UsageError(
            f"{streams[0].id} is of a stream, which cannot be read again: filebody uploads cancel "
            f"{streams[0].id}"
        )
    for stream in streams:
        screen.err(f"filebody: left out: {stream.id} is of a stream, which cannot be read again")
    checkpoints = [checkpoint for checkpoint in checkpoints if not checkpoint.is_stream]
    if len(checkpoints) > 1:
        options = _less_patient(options)
    items = [
        Item(_source_of(checkpoint), Target.parse(checkpoint.url), course_of(checkpoint))
        for checkpoint in checkpoints
    ]
    return Sending(options, screen, items)


def _less_patient(options: SendOptions) -> SendOptions:
    """Let no upload keep the next ones waiting for longer than that, if nothing of it moves."""
    resumption = options.resumption
    seconds = min(resumption.give_up_after_seconds, _TURN_SECONDS)
    resumption = attrs.evolve(resumption, give_up_after_seconds=seconds)
    return attrs.evolve(options, resumption=resumption)


def chosen(
    given: Mapping[str, Any], store: Checkpoints, screen: Screen
) -> tuple[Sequence[Checkpoint], SendOptions] | None:
    """The uploads that were meant, and how to go about them; None if there are none at all.

    Args:
        given: The options as the command's parser has them, by their names.
        store: Where checkpoints are.
        screen: Where to tell of it.

    Raises:
        UsageError: It is not clear which, there is none of that name, or the options make no sense.
    """
    names, is_all = given["names"], given["is_all"]
    if bool(names) == is_all:
        raise UsageError("name uploads by their ID, or all by --all; filebody uploads lists them")
    found = _all(store, screen)
    if not is_all:
        found = list(dict.fromkeys(_one(name, found) for name in names))
    if not found:
        screen.err("no upload is unfinished")
        return None
    targets = [Target.parse(checkpoint.url) for checkpoint in found]
    _check_one_origin(given, targets)
    return found, resume_options(given, targets[0], warn=screen.err)


def _check_one_origin(given: Mapping[str, Any], targets: Iterable[Target]) -> None:
    """See to it that what is for one server goes to no other."""
    origins = list(dict.fromkeys(target.origin.shown for target in targets))
    has_secrets = any(given[name] for name in _FOR_ONE_SERVER)
    if len(origins) > 1 and has_secrets:
        raise UsageError(
            f"these uploads go to different servers ({', '.join(origins)}): name those of one "
            "server, so that its credentials and fields go nowhere else"
        )


def _all(store: Checkpoints, screen: Screen) -> Sequence[Checkpoint]:
    try:
        for path in store.damaged():
            screen.err(f"filebody: left aside: {one_line(str(path))} is no upload; remove it")
        return store.all()
    except OSError as error:
        raise UsageError(f"cannot read {store.directory}: {error.strerror}") from error


def _one(name: str, found: Sequence[Checkpoint]) -> Checkpoint:
    matching = [checkpoint for checkpoint in found if checkpoint.id.startswith(name.lower())]
    if len(matching) == 1 and name:
        return matching[0]
    shown = one_line(name)
    if not matching or not name:
        raise UsageError(f"no unfinished upload is called {shown!r}: filebody uploads lists them")
    raise UsageError(
        f"{shown!r} may be {' or '.join(one.id for one in matching)}: write more of it"
    )


def _source_of(checkpoint: Checkpoint) -> FileSource:
    return FileSource(checkpoint.source, os.path.basename(checkpoint.source))


def _trouble(checkpoint: Checkpoint, store: Checkpoints) -> str:
    """Why it cannot be resumed as it is, or ""; for people."""
    if store.is_held(checkpoint.id):
        return "being sent now"
    if checkpoint.is_stream:
        return "it cannot be read again: cancel it"
    try:
        now = os.stat(checkpoint.source)
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    then = checkpoint.identity
    if (now.st_size, now.st_mtime_ns) != (then.size, then.mtime_ns):
        return "the file has changed: it will begin anew"
    if checkpoint.expires_at is not None and checkpoint.expires_at < time.time():
        return "expired at the server: it will begin anew"
    return ""


def _share(checkpoint: Checkpoint) -> str:
    total = checkpoint.identity.size
    percent = checkpoint.confirmed_bytes * 100 // total if total else 0
    if checkpoint.is_stream:
        return f"{size(checkpoint.confirmed_bytes)} of a stream"
    return f"{size(checkpoint.confirmed_bytes)} of {size(total)} ({percent}%)"


def _ago(checkpoint: Checkpoint) -> str:
    seconds = max(0, int(time.time() - checkpoint.created_at))
    for unit, word in ((_DAY_SECONDS, "d"), (_HOUR_SECONDS, "h"), (_MINUTE_SECONDS, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {word} ago"
    return "just now"


def _facts(checkpoint: Checkpoint, trouble: str) -> dict[str, object]:
    return {
        "event": "upload",
        "upload": checkpoint.id,
        "source": unicode(checkpoint.source),
        "url": url_without_secrets(checkpoint.url),
        "protocol": None if checkpoint.protocol is None else checkpoint.protocol.value,
        "parts": len(checkpoint.parts),
        "confirmed_bytes": checkpoint.confirmed_bytes,
        "total_bytes": None if checkpoint.is_stream else checkpoint.identity.size,
        "created_at": checkpoint.created_at,
        "expires_at": checkpoint.expires_at,
        "trouble": trouble or None,
    }

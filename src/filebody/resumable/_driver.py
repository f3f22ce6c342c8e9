"""Uploads that survive failures, on an agent: what is called from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers

from filebody.agent import Options, UploadAgent
from filebody.body import as_body
from filebody.errors import UploadLocked, UsageError
from filebody.progress import Progress
from filebody.resumable._ask import ask
from filebody.resumable._checkpoint import Checkpoint
from filebody.resumable._checkpoint_store import Checkpoints
from filebody.resumable._ending import end_uploads
from filebody.resumable._notice import Notice
from filebody.resumable._outcome import Outcome
from filebody.resumable._threads import in_thread
from filebody.resumable._upload import Upload, Wishes
from filebody.resumable._values import MAX_PARTS, Offer, Protocol
from filebody.resumable._way import Way, way_of

__all__ = ["cancel", "discover", "upload"]


def discover(
    agent: UploadAgent,
    url: str | bytes,
    *,
    headers: Headers | None = None,
    options: Options | None = None,
) -> Deferred[Offer]:
    """Ask a server which protocols for resumable uploads it offers, once.

    Args:
        agent: Sends the request.
        url: Where an upload would go.
        headers: Further fields; those about the content, and conditions, are left out.
        options: Instead of the agent's.

    Returns:
        Fires with what it offers; a server that refuses to say offers nothing. Fails with a
        `TransferError` if it cannot be asked.

    Source: tus 1.0.0, OPTIONS; draft-ietf-httpbis-resumable-upload, section 4.1.4.
    """
    way = way_of(agent, url, headers, options)
    return Deferred.fromCoroutine(ask(way))


def upload(
    agent: UploadAgent,
    url: str | bytes,
    body: Any,
    *,
    protocol: str | Protocol = Protocol.AUTO,
    method: str = "PUT",
    parallel: int = 1,
    headers: Headers | None = None,
    metadata: Mapping[str, bytes] | None = None,
    checkpoints: Checkpoints | None = None,
    verify_prefix: bool = False,
    checksum: bool = False,
    append_bytes: int | None = None,
    offer: Offer | None = None,
    give_up_after_seconds: float = 600.0,
    wait_for_lock: bool = False,
    options: Options | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    on_notice: Callable[[Notice], object] | None = None,
) -> Deferred[Outcome]:
    """Send a body so that it arrives, whatever happens to connections, to the server, and to us.

    Args:
        agent: Sends the requests. Of its options, or `options`, those about retries, digests and
            the total time do not count here: cancel the Deferred instead.
        url: Where to. For tus it is the URL at which uploads are created.
        body: What `as_body` takes. A path to a regular file can be gone on with by another process;
            what can be read as often as needed, by this one; of what can be read once only a window
            is kept on the disk until the server has confirmed it.
        protocol: "tus", "ietf", "plain" for one ordinary request, or "auto": what the server
            offers. One that offers nothing gets an ordinary request, with everything.
        method: Of the request that creates the upload (IETF), or is it (plain).
        parallel: In how many parts to send it at once, where the server can join them (tus); at
            most `MAX_PARTS`.
        headers: Further fields. Credentials go to the server of `url` only; those about the content
            and conditions (If-None-Match) go with what creates the upload only.
        metadata: For tus; `filename` is the path's last part and `filetype` what its extension
            stands for, unless it says otherwise.
        checkpoints: Where to keep what another process needs to go on; None for nowhere. Used for
            paths to regular files only.
        verify_prefix: Hash what is sent before it is, and what the server has before going on with
            it. Costs reading everything twice; without it the file's identity decides.
        checksum: Have the server check each request, where it can (tus). Costs the same.
        append_bytes: How much to send with one request at most; None for as much as there is.
        offer: What `discover` has found; without it the server is asked.
        give_up_after_seconds: For how long to go on trying without progress.
        wait_for_lock: If another process sends the same file to the same URL: wait for it, instead
            of failing.
        options: Instead of the agent's. Without `cookies` in it the upload has its own: what a
            response sets goes with its later requests.
        on_progress: Called several times a second at most.
        on_notice: Called with each `Notice`.

    Returns:
        Fires with an `Outcome` when the server has everything and has said so. Cancelled at any
        moment, requests are aborted; what the server has can be gone on with, if there is a
        checkpoint of a file. What cannot be resumed, because it is a stream, nothing was kept of
        it, or the server refused it for good, the server is told to delete; that takes at most
        three seconds. Fails with

        - `UsageError`: this can never be sent; `UploadLocked`: another process is at it,
        - `BodyError`, or what a file object raised: the body cannot be read as promised,
        - `RemoteError`: the server refuses it; `ResumeError`: it does not do its part,
        - `NoProgress`: it was tried for long enough; other `TransferError`: no try can help.
    """
    try:
        how = Protocol(protocol)
    except ValueError as error:
        known = ", ".join(one.value for one in Protocol)
        raise UsageError(f"{protocol!r} is no protocol for uploads: {known}") from error
    wishes = Wishes(
        protocol=how,
        method=method,
        parallel=parallel,
        checksum=checksum,
        verify_prefix=verify_prefix,
        wait_for_lock=wait_for_lock,
        give_up_after_seconds=give_up_after_seconds,
        append_bytes=append_bytes,
        offer=offer,
    )
    if not 1 <= parallel <= MAX_PARTS:
        raise UsageError(f"parallel must be 1 to {MAX_PARTS} parts, not {parallel}")
    if append_bytes is not None and append_bytes < 1:
        raise UsageError(f"a request carries 1 byte or more, not {append_bytes}")
    way = way_of(agent, url, headers, options)
    job = Upload(way, as_body(body), wishes, checkpoints, on_progress, on_notice)
    job.set_metadata(metadata)
    return Deferred.fromCoroutine(job.run())


def cancel(
    agent: UploadAgent,
    checkpoint: Checkpoint,
    checkpoints: Checkpoints,
    *,
    headers: Headers | None = None,
    options: Options | None = None,
    give_up_after_seconds: float = 60.0,
) -> Deferred[None]:
    """End an unfinished upload for good: tell the server to forget it, and forget it too.

    Args:
        agent: Sends the requests.
        checkpoint: Which.
        checkpoints: Where it is kept.
        headers: See `upload`.
        options: See `upload`.
        give_up_after_seconds: For how long to try.

    Returns:
        Fires with None when the server has forgotten it; the checkpoint is gone then. Fails as
        `upload` does; the checkpoint is still there then.
    """
    way = way_of(agent, checkpoint.url, headers, options)
    return Deferred.fromCoroutine(_cancel(way, checkpoint, checkpoints, give_up_after_seconds))


async def _cancel(
    way: Way, checkpoint: Checkpoint, checkpoints: Checkpoints, seconds: float
) -> None:
    reactor = way.agent.reactor
    lock = checkpoints.lock(checkpoint.id)
    if not lock.acquire():
        raise UploadLocked(checkpoint.source, checkpoint.url)
    try:
        # Another process may have finished it meanwhile: some servers delete the file itself then.
        now = await in_thread(reactor, checkpoints.load, checkpoint.id)
        if now is None:
            return
        await end_uploads(way, now.held, url=now.url, seconds=seconds)
        await in_thread(reactor, checkpoints.remove, checkpoint.id)
    finally:
        lock.release()

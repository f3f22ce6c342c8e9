"""Uploads to a server that misbehaves on request."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any
from unittest import mock

import attrs
import treq
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.web.http_headers import Headers

from filebody import BytesBody, IterableBody
from filebody.agent import Options, Timeouts
from filebody.errors import (
    BodyChanged,
    BodyError,
    NoProgress,
    RemoteError,
    ResumeError,
    UploadGone,
    UploadLocked,
    UploadTooLarge,
    UsageError,
    WrongOffset,
)
from filebody.resumable import (
    Checkpoints,
    Held,
    Notice,
    NoticeKind,
    Part,
    Protocol,
    _machine,
    cancel,
)
from filebody.resumable._begin import begin_stream
from filebody.wire import parse_metadata
from tests.integration.eventually import until
from tests.peers.cutter import Cutter
from tests.peers.resumable import Fault, ResumableServer, Stored
from tests.resumable.case import ResumableCase, content_of

SIZE = 3_000_000


class Scripted(ResumableCase):
    """Starts servers; waits between tries are short."""

    async def start(self) -> None:
        patch = mock.patch.object(_machine, "FIRST_DELAY_SECONDS", 0.002)
        patch.start()
        self.addCleanup(patch.stop)

    def serve(self, *protocols: str, **how: Any) -> ResumableServer:
        server = ResumableServer(*protocols, **how)
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        return server

    async def fails(self, kind: type[BaseException], url: str, body: object, **wishes: Any) -> Any:
        try:
            await self.upload(url, body, **wishes)
        except kind as error:
            return error
        raise AssertionError("it did not fail")


class _Happening(list[Notice]):
    """Notices; at a retry the file gets another mode, and another content if it is to have one."""

    def __init__(self, path: Path, *, is_rewritten: bool) -> None:
        self._path = path
        self._is_rewritten = is_rewritten

    def append(self, notice: Notice) -> None:
        super().append(notice)
        if notice.kind is not NoticeKind.RETRYING:
            return
        before = self._path.stat()
        self._path.chmod(0o600)
        if self._is_rewritten:
            self._path.write_bytes(bytes(SIZE))
            os.utime(self._path, ns=(before.st_atime_ns, before.st_mtime_ns))


class TestIetf(Scripted):
    async def test_created_first_then_sent(self) -> None:
        server = self.serve("ietf")
        content = content_of(SIZE)
        outcome = await self.upload(server.url + "/a", self.make_file(content))
        assert server.targets == {"/a": content}
        assert [request.method for request in server.requests] == ["OPTIONS", "PUT", "PATCH"]
        assert outcome.protocol is Protocol.IETF
        assert outcome.sent_bytes == SIZE
        assert outcome.response is not None
        assert await treq.content(outcome.response) == b"stored\n"

    async def test_a_small_one_goes_in_one_request(self) -> None:
        server = self.serve("ietf")
        for content in (b"", b"small"):
            await self.upload(server.url + "/a", BytesBody(content))
            assert server.targets["/a"] == content
        assert server.counted("PATCH") == []

    async def test_a_104_is_enough(self) -> None:
        server = self.serve("ietf", says_ietf=False)
        server.faults = [Fault(method="PUT", after_bytes=1_000_000)]
        content = content_of(SIZE)
        outcome = await self.upload(server.url + "/a", self.make_file(content))
        assert server.targets == {"/a": content}
        methods = [request.method for request in server.requests]
        assert methods == ["OPTIONS", "PUT", "HEAD", "PATCH"]
        assert server.counted("PATCH")[0].body_bytes == SIZE - 1_000_000
        assert outcome.upload_url == server.url + "/uploads/1"

    async def test_resumed_after_each_of_many_resets(self) -> None:
        server = self.serve("ietf")
        cuts = [0, 1, 65_536, 700_000, 1_000_000]
        server.faults = [Fault(method="PATCH", after_bytes=cut) for cut in cuts]
        content = content_of(SIZE)
        await self.upload(server.url + "/a", self.make_file(content))
        assert server.targets == {"/a": content}
        assert sum(request.body_bytes for request in server.counted("PATCH")) == SIZE
        assert len(self.heard(NoticeKind.RETRYING)) == len(cuts)

    async def test_a_touched_file_goes_on_and_a_rewritten_one_does_not(self) -> None:
        content = content_of(SIZE)
        for is_rewritten in (False, True):
            server = self.serve("ietf")
            server.faults = [Fault(method="PATCH", after_bytes=1_000_000)]
            path = self.make_file(content)
            self.notices = _Happening(path, is_rewritten=is_rewritten)
            if is_rewritten:
                error = await self.fails(BodyChanged, server.url + "/a", path)
                assert error.what == "its content"
                assert "/a" not in server.targets
            else:
                await self.upload(server.url + "/a", path)
                assert server.targets == {"/a": content}
                assert self.heard(NoticeKind.TOUCHED)

    async def test_dialects(self) -> None:
        for version in (6, 8, 9, 10):
            server = self.serve("ietf", version=version)
            server.faults = [Fault(method="PATCH", after_bytes=100)]
            content = content_of(SIZE)
            await self.upload(server.url + "/a", self.make_file(content))
            assert server.targets == {"/a": content}

    async def test_a_dialect_that_is_not_said_is_found(self) -> None:
        server = self.serve("ietf", version=9, says_version=False)
        server.faults = [Fault(method="PUT", after_bytes=100), Fault(method="PUT", after_bytes=500)]
        content = content_of(SIZE)
        await self.upload(server.url + "/a", self.make_file(content))
        assert server.targets == {"/a": content}
        assert [request.method for request in server.requests][1:] == [
            "PUT",
            "PUT",
            "HEAD",
            "PATCH",
        ]

    async def test_limits_are_kept(self) -> None:
        server = self.serve("ietf", limits="max-append-size=1000000, max-size=9000000")
        content = content_of(SIZE)
        await self.upload(server.url + "/a", self.make_file(content))
        assert server.targets == {"/a": content}
        assert [request.body_bytes for request in server.counted("PATCH")] == [1_000_000] * 3

    async def test_too_large(self) -> None:
        server = self.serve("ietf", limits="max-size=1000")
        error = await self.fails(UploadTooLarge, server.url + "/a", BytesBody(bytes(1001)))
        assert (error.size, error.max_size) == (1001, 1000)

    async def test_smaller_requests_after_413(self) -> None:
        server = self.serve("ietf", max_body=1_000_000)
        content = content_of(SIZE)
        await self.upload(server.url + "/a", self.make_file(content))
        assert server.targets == {"/a": content}

    async def test_the_limit_on_requests_is_kept(self) -> None:
        server = self.serve("ietf", max_body=1_000_000)
        server.faults = [Fault(method="PATCH", status=413, after_bytes=0)] * 2
        server.faults += [Fault(method="PATCH", status=403, after_bytes=0)]
        path = self.make_file(content_of(SIZE))
        await self.fails(RemoteError, server.url + "/a", path)
        [checkpoint] = self.store.all()
        [part] = checkpoint.parts
        assert part.held is not None
        assert part.held.append_limit == SIZE // 4
        server.requests.clear()
        await self.upload(server.url + "/a", path)
        assert [request.body_bytes for request in server.counted("PATCH")] == [SIZE // 4] * 4

    async def test_complete_with_an_error_is_the_end(self) -> None:
        server = self.serve("ietf")
        server.faults = [Fault(method="PATCH", status=422, fields={"Upload-Complete": "?1"})]
        error = await self.fails(RemoteError, server.url + "/a", self.make_file(content_of(SIZE)))
        assert error.status == 422
        assert len(server.requests) == 3

    async def test_a_stream(self) -> None:
        server = self.serve("ietf")
        server.faults = [Fault(method="PATCH", after_bytes=10)]
        content = content_of(SIZE)
        pieces = [content[i : i + 70_000] for i in range(0, len(content), 70_000)]
        outcome = await self.upload(server.url + "/a", IterableBody(iter(pieces)))
        assert server.targets == {"/a": content}
        assert outcome.length == SIZE

    async def test_a_window_that_is_too_small_for_the_server(self) -> None:
        server = self.serve("ietf", limits="min-append-size=99000000")
        pieces = [bytes(1_000_000)] * 70
        await self.fails(UsageError, server.url + "/a", IterableBody(iter(pieces)))

    async def test_waves_of_5xx(self) -> None:
        server = self.serve("ietf")
        server.faults = [
            Fault(method="OPTIONS", status=503),
            Fault(method="PUT", status=500, is_effective=False),
            Fault(method="PATCH", status=502, after_bytes=200_000),
            Fault(method="HEAD", status=503),
            Fault(method="HEAD", status=504),
            Fault(method="PATCH", status=500, after_bytes=100_000),
        ]
        content = content_of(SIZE)
        await self.upload(server.url + "/a", self.make_file(content))
        assert server.targets == {"/a": content}


class TestTus(Scripted):
    async def test_resumed_after_resets(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="PATCH", after_bytes=cut) for cut in (0, 1, 500_000)]
        content = content_of(SIZE)
        outcome = await self.upload(server.url + "/files", self.make_file(content))
        assert list(server.targets.values()) == [content]
        assert sum(request.body_bytes for request in server.counted("PATCH")) == SIZE
        assert outcome.sent_bytes >= SIZE

    async def test_in_parts(self) -> None:
        server = self.serve("tus", "ietf")
        server.faults = [Fault(method="PATCH", after_bytes=500_000)]
        content = content_of(4 * SIZE)
        outcome = await self.upload(server.url + "/files", self.make_file(content), parallel=4)
        assert outcome.parts == 4
        assert outcome.upload_url is not None
        assert server.targets == {outcome.upload_url.removeprefix(server.url): content}
        assert self.progress[-1].confirmed_bytes == len(content)

    async def test_no_parts_of_another_protocol(self) -> None:
        server = self.serve("tus", "ietf")
        path = self.make_file(content_of(SIZE))
        outcome = await self.upload(server.url + "/f", path, parallel=3, protocol="ietf")
        assert (outcome.parts, outcome.protocol) == (1, Protocol.IETF)

    async def test_checksums(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="PATCH", status=460, is_effective=False)]
        content = content_of(SIZE)
        await self.upload(
            server.url + "/files", self.make_file(content), checksum=True, append_bytes=1_000_000
        )
        assert list(server.targets.values()) == [content]
        assert all("upload-checksum" in request.fields for request in server.counted("PATCH"))

    async def test_metadata(self) -> None:
        server = self.serve("tus")
        await self.upload(server.url + "/f", self.make_file(b"x"), metadata={"a": b"b"})
        (request,) = server.counted("POST")
        said = parse_metadata(request.fields["upload-metadata"])
        kind = b"application/octet-stream"
        assert said == {"a": b"b", "filename": b"source.bin", "filetype": kind}

    async def test_forgotten_begins_anew(self) -> None:
        server = self.serve("tus")
        server.faults = [
            Fault(method="PATCH", after_bytes=1_000_000),
            Fault(method="HEAD", forget=True, status=404),
        ]
        content = content_of(SIZE)
        await self.upload(server.url + "/files", self.make_file(content))
        assert list(server.targets.values()) == [content]
        assert self.heard(NoticeKind.ANEW)

    async def test_forgets_always(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="PATCH", forget=True, status=404) for _ in range(10)]
        await self.fails(UploadGone, server.url + "/files", self.make_file(content_of(SIZE)))

    async def test_an_offset_that_goes_back(self) -> None:
        server = self.serve("tus")
        server.faults = [
            Fault(method="PATCH", after_bytes=500_000),
            Fault(method="PATCH", after_bytes=500_000),
            Fault(method="HEAD"),
            Fault(method="HEAD", offset=500_000),
            Fault(method="HEAD", offset=499_999),
        ]
        path = self.make_file(content_of(SIZE))
        error = await self.fails(WrongOffset, server.url + "/files", path)
        assert (error.offset, error.confirmed) == (499_999, 500_000)
        assert server.targets == {}

    async def test_an_offset_that_jumps_ahead(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="PATCH", offset=1_000_001)]
        path = self.make_file(content_of(SIZE))
        error = await self.fails(WrongOffset, server.url + "/files", path, append_bytes=1_000_000)
        assert (error.offset, error.sent) == (1_000_001, 1_000_000)
        assert server.targets == {}

    async def test_an_offset_beyond_what_really_went_out(self) -> None:
        for protocol in ("tus", "ietf"):
            server = self.serve(protocol)
            server.faults = [
                Fault(method="PATCH", after_bytes=100_000, status=503),
                Fault(method="HEAD", offset=9 * SIZE),
            ]
            path = self.make_file(content_of(10 * SIZE))
            error = await self.fails(WrongOffset, server.url + "/files", path)
            assert 100_000 <= error.sent < 9 * SIZE
            assert server.targets == {}

    async def test_5xx_that_nobody_knows(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="PATCH", status=522, after_bytes=5) for _ in range(3)]
        content = content_of(SIZE)
        await self.upload(server.url + "/files", self.make_file(content))
        assert list(server.targets.values()) == [content]

    async def test_what_can_be_read_again_but_has_no_length(self) -> None:
        server = self.serve("tus")
        content = content_of(SIZE)
        await self.upload(server.url + "/files", IterableBody([content]))
        assert list(server.targets.values()) == [content]

    async def test_a_server_that_cannot_end_an_upload(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="PATCH", status=403)]
        path = self.make_file(content_of(SIZE))
        await self.fails(RemoteError, server.url + "/files", path)
        (checkpoint,) = self.store.all()
        server.faults = [Fault(method="DELETE", status=405)]
        await cancel(self.agent, checkpoint, self.store)
        assert self.store.all() == []

    async def test_nowhere_to_keep_a_checkpoint(self) -> None:
        server = self.serve("tus")
        content = content_of(SIZE)
        path = self.make_file(content)
        self.store = Checkpoints(path / "below a file")
        await self.upload(server.url + "/files", path)
        assert list(server.targets.values()) == [content]
        assert self.heard(NoticeKind.NOT_KEPT)

    async def test_conditions_are_about_the_target(self) -> None:
        server = self.serve("ietf")
        headers = Headers({b"If-None-Match": [b"*"]})
        await self.upload(server.url + "/a", self.make_file(content_of(SIZE)), headers=headers)
        assert "if-none-match" in server.counted("PUT")[0].fields
        assert "if-none-match" not in server.counted("PATCH")[0].fields

    async def test_gives_up(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="PATCH", after_bytes=0) for _ in range(50)]
        path = self.make_file(content_of(SIZE))
        error = await self.fails(NoProgress, server.url + "/files", path, give_up_after_seconds=0.1)
        assert error.__cause__ is not None
        (checkpoint,) = self.store.all()
        assert checkpoint.parts[0].held is not None

    async def test_refused(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="POST", status=403)]
        error = await self.fails(RemoteError, server.url + "/files", BytesBody(b"x"))
        assert error.status == 403


class TestCuts(Scripted):
    async def test_at_200_random_positions_of_one_upload(self) -> None:
        chance = random.Random(3)
        content = content_of(SIZE)
        path = self.make_file(content)
        for protocol in ("tus", "ietf"):
            server = self.serve(protocol)
            server.faults = [
                Fault(method="PATCH", after_bytes=chance.randrange(SIZE // 60)) for _ in range(100)
            ] + [Fault(method="HEAD") for _ in range(4)]
            await self.upload(server.url + "/f", path)
            assert list(server.targets.values()) == [content]
            assert sum(request.body_bytes for request in server.counted("PATCH")) == SIZE

    async def test_stalls(self) -> None:
        server = self.serve("tus")
        content = content_of(SIZE)
        options = Options(timeouts=Timeouts(stall_seconds=0.2, response_seconds=0.2))
        with Cutter(1_000_000, by="stall", target=("127.0.0.1", server.port)) as cutter:
            url = f"http://127.0.0.1:{cutter.port}/f"
            outcome = await self.upload(url, self.make_file(content), options=options)
        assert list(server.targets.values()) == [content]
        assert outcome.requests > 4


class TestPlain(Scripted):
    async def test_a_server_that_offers_nothing(self) -> None:
        server = self.serve()
        server.faults = [Fault(method="PUT", after_bytes=100), Fault(method="PUT", status=503)]
        content = content_of(SIZE)
        outcome = await self.upload(server.url + "/a", self.make_file(content))
        assert server.targets == {"/a": content}
        assert len(server.counted("PUT")) == 3
        assert (outcome.upload_url, outcome.protocol) == (None, Protocol.PLAIN)

    async def test_a_stream(self) -> None:
        server = self.serve()
        outcome = await self.upload(server.url + "/a", IterableBody(iter([b"ab", b"cd"])))
        assert server.targets == {"/a": b"abcd"}
        assert outcome.protocol is Protocol.PLAIN

    async def test_asked_for(self) -> None:
        server = self.serve("tus", "ietf")
        await self.upload(server.url + "/a", BytesBody(b"ab"), protocol="plain")
        assert [request.method for request in server.requests] == ["PUT"]


class TestCheckpoints(Scripted):
    async def interrupt(self, server: ResumableServer, path: Path, **wishes: Any) -> None:
        """Send until the server has a third of it, then end as a process that is killed would."""
        size = os.stat(path).st_size
        got = Deferred[None]()

        def on_body(_: int) -> None:
            server.on_body = None
            reactor.callFromThread(got.callback, None)  # type: ignore[attr-defined]

        server.faults = [Fault(method="PATCH", after_bytes=size // 3)]
        server.on_body = on_body
        running = Deferred.fromCoroutine(self.upload(server.url + "/f", path, **wishes))
        ended = running.addErrback(lambda failure: failure.trap(CancelledError))
        await DeferredList([got, ended], fireOnOneCallback=True)
        assert got.called
        running.cancel()
        await running

    async def test_goes_on_where_it_was(self) -> None:
        for protocol in ("tus", "ietf"):
            server = self.serve(protocol)
            content = content_of(SIZE)
            path = self.make_file(content)
            await self.interrupt(server, path)
            (checkpoint,) = self.store.all()
            assert checkpoint.source == str(path)
            outcome = await self.upload(server.url + "/f", path)
            assert list(server.targets.values()) == [content]
            assert self.heard(NoticeKind.RESUMED)
            assert outcome.protocol is Protocol(protocol)
            assert sum(request.body_bytes for request in server.counted("PATCH")) == SIZE
            assert self.store.all() == []

    async def test_a_changed_file_begins_anew(self) -> None:
        server = self.serve("tus")
        path = self.make_file(content_of(SIZE))
        await self.interrupt(server, path)
        content = content_of(SIZE, seed=2)
        path.write_bytes(content)
        await self.upload(server.url + "/f", path)
        assert content in server.targets.values()
        (notice,) = self.heard(NoticeKind.ANEW)
        assert "has changed" in notice.text
        assert len(server.counted("DELETE")) == len(server.uploads) == 1

    async def test_verified(self) -> None:
        server = self.serve("tus")
        content = content_of(SIZE)
        path = self.make_file(content)
        await self.interrupt(server, path, verify_prefix=True)
        await self.upload(server.url + "/f", path, verify_prefix=True)
        assert list(server.targets.values()) == [content]
        assert self.heard(NoticeKind.RESUMED)
        assert not self.heard(NoticeKind.ANEW)

    async def test_nothing_to_verify_by(self) -> None:
        server = self.serve("tus")
        path = self.make_file(content_of(SIZE))
        await self.interrupt(server, path)
        await self.upload(server.url + "/f", path, verify_prefix=True)
        (notice,) = self.heard(NoticeKind.ANEW)
        assert "no digest" in notice.text

    async def test_parts_go_on(self) -> None:
        server = self.serve("tus")
        content = content_of(3 * SIZE)
        path = self.make_file(content)
        await self.interrupt(server, path, parallel=3)
        (checkpoint,) = self.store.all()
        assert len(checkpoint.parts) == 3
        await self.upload(server.url + "/f", path, parallel=3)
        assert list(server.targets.values())[-1] == content

    async def test_the_second_process_is_refused_or_waits(self) -> None:
        server = self.serve("tus")
        content = content_of(SIZE)
        path = self.make_file(content)
        reached = Deferred[None]()

        def on_body(_: int) -> None:
            server.on_body = None
            reactor.callFromThread(reached.callback, None)  # type: ignore[attr-defined]

        server.on_body = on_body
        first = Deferred.fromCoroutine(self.upload(server.url + "/f", path, append_bytes=100_000))
        await reached
        await self.fails(UploadLocked, server.url + "/f", path)
        second = Deferred.fromCoroutine(self.upload(server.url + "/f", path, wait_for_lock=True))
        await until(lambda: self.heard(NoticeKind.WAITING))
        await first
        await second
        assert list(server.targets.values()) == [content, content]

    async def test_cancelled_for_good(self) -> None:
        server = self.serve("ietf")
        path = self.make_file(content_of(SIZE))
        await self.interrupt(server, path)
        (checkpoint,) = self.store.all()
        await cancel(self.agent, checkpoint, self.store)
        assert server.uploads == {}
        assert self.store.all() == []

    async def test_what_was_finished_meanwhile_is_not_deleted(self) -> None:
        server = self.serve("tus")
        content = content_of(SIZE)
        path = self.make_file(content)
        await self.interrupt(server, path)
        (checkpoint,) = self.store.all()
        await self.upload(checkpoint.url, path)
        await cancel(self.agent, checkpoint, self.store)
        assert server.counted("DELETE") == []
        assert list(server.targets.values()) == [content]

    async def test_nothing_is_locked_after_a_cancel(self) -> None:
        server = self.serve("tus")
        path = self.make_file(b"content")
        for _ in range(20):
            begun = Deferred.fromCoroutine(self.upload(server.url + "/f", path))
            begun.addErrback(lambda failure: failure.trap(CancelledError))
            begun.cancel()
            await begun
        await self.upload(server.url + "/f", path, wait_for_lock=True)
        assert list(server.targets.values()) == [b"content"]

    async def test_no_secrets(self) -> None:
        server = self.serve("tus")
        path = self.make_file(content_of(SIZE))
        server.faults = [Fault(method="PATCH", status=403)]
        url = server.url.replace("//", "//me:sesame@") + "/f"
        headers = Headers({b"X-Token": [b"sesame"]})
        await self.fails(RemoteError, url, path, headers=headers)
        (file,) = self.store.directory.iterdir()
        assert b"sesame" not in file.read_bytes()
        assert all("authorization" in request.fields for request in server.requests)
        assert os.listdir(self.store.directory) == [file.name]


class TestEnds(Scripted):
    """What can never be resumed is kept at neither end."""

    async def test_of_a_stream_that_fails(self) -> None:
        for store in (self.store, None):
            server = self.serve("ietf")
            server.faults = [Fault(method="PATCH", status=403, after_bytes=1000)]
            stream = IterableBody(iter([bytes(10_000)] * 3))
            with mock.patch.object(self, "store", store):
                await self.fails(RemoteError, server.url + "/a", stream)
            assert len(server.counted("DELETE")) == 1
            assert not server.uploads
        assert self.store.all() == []

    async def test_of_a_stream_that_is_stopped(self) -> None:
        server = self.serve("ietf")
        near, far = os.pipe()
        with os.fdopen(near, "rb") as pipe, os.fdopen(far, "wb"):
            running = Deferred.fromCoroutine(self.upload(server.url + "/a", pipe))
            await until(self.store.all)
            [checkpoint] = self.store.all()
            assert checkpoint.is_stream
            assert self.store.is_held(checkpoint.id)
            running.cancel()
            running.addErrback(lambda failure: failure.trap(CancelledError) and None)
            await running
        assert not server.uploads
        assert self.store.all() == []

    async def test_of_a_stream_whose_process_was_killed(self) -> None:
        server = self.serve("ietf")
        server.uploads["/uploads/77"] = Stored("ietf")
        stream = begin_stream(self.store, "<stdin>", server.url + "/old", "PUT")
        stream.lock.release()  # as the kernel does
        checkpoint = stream.checkpoint
        held = Held(
            upload_url=server.url + "/uploads/77",
            protocol=Protocol.IETF,
            interop_version=10,
            checksum=None,
            confirmed=0,
            sent=5,
        )
        self.store.save(attrs.evolve(checkpoint, parts=(Part(start=0, stop=0, held=held),)))
        await self.upload(server.url + "/new", IterableBody(iter([b"new"])))
        assert "/uploads/77" not in server.uploads
        assert self.store.all() == []
        assert server.targets == {"/new": b"new"}

    async def test_of_what_is_refused_for_good(self) -> None:
        server = self.serve("ietf")
        server.faults = [
            Fault(method="PATCH", status=409, after_bytes=1000, is_effective=False)
        ] * 5
        path = self.make_file(content_of(SIZE))
        await self.fails(RemoteError, server.url + "/a", path)
        assert self.store.all() == []

    async def test_of_a_join_that_is_refused_for_good(self) -> None:
        server = self.serve("tus")
        refusal = Fault(method="POST", status=409)

        def refuse(_: int) -> None:
            if server.made == 2:  # both parts are there: the next POST joins them
                server.faults = [refusal]

        server.on_body = refuse
        path = self.make_file(content_of(SIZE))
        await self.fails(RemoteError, server.url + "/a", path, parallel=2)
        assert len(server.counted("DELETE")) == 2
        assert self.store.all() == []

    async def test_what_may_be_complete_is_not_deleted(self) -> None:
        server = self.serve("ietf")
        server.faults = [Fault(method="PATCH", status=403)]
        await self.fails(RemoteError, server.url + "/a", BytesBody(content_of(SIZE)))
        assert server.counted("DELETE") == []

    async def test_too_little_room_for_a_stream(self) -> None:
        server = self.serve("ietf")
        with mock.patch.object(os, "pwrite", side_effect=OSError(28, "No space left on device")):
            stream = IterableBody(iter([bytes(10_000)]))
            error = await self.fails(BodyError, server.url + "/a", stream)
        assert "temporary file: No space left on device; set TMPDIR" in str(error)


class TestElsewhere(Scripted):
    async def test_credentials_stay_at_home(self) -> None:
        home, other = self.serve("tus"), self.serve("tus")
        other.uploads["/uploads/9"] = Stored("tus", length=SIZE)
        home.faults = [
            Fault(method="POST", status=201, fields={"Location": other.url + "/uploads/9"})
        ]
        secrets = (b"Authorization", b"Private-Token", b"X-Team")
        headers = Headers({name: [b"x"] for name in secrets} | {b"User-Agent": [b"y"]})
        content = content_of(SIZE)
        await self.upload(home.url + "/f", self.make_file(content), headers=headers)
        assert other.targets == {"/uploads/9": content}
        (request,) = other.counted("PATCH")
        assert not {"authorization", "private-token", "x-team"} & request.fields.keys()
        assert request.fields["user-agent"] == "y"

    async def test_no_location(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="POST", status=201, fields={"Location": "ftp://x/"})]
        await self.fails(ResumeError, server.url + "/f", self.make_file(content_of(SIZE)))

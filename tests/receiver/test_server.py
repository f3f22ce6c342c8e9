from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

import filebody.receiver
from filebody.errors import UsageError
from filebody.receiver import Receiver, ReceiverConfig, ReceiverEvent, Stored
from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import tus_append, tus_create, tus_head
from tests.receiver.wire import Wire, eventually, head, put

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from tests.peers.certificates import Certificates

reactor: Any = installed_reactor


def test_public_names() -> None:
    assert filebody.receiver.__all__ == [
        "Aborted",
        "Interrupted",
        "Receiver",
        "ReceiverConfig",
        "ReceiverEvent",
        "Refused",
        "Served",
        "Stored",
    ]


# --- settings ------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    [
        None,
        "Authorization: Bearer wrong",
        "Authorization: Bearer",
        "Authorization: Bearer secrets",
        "Authorization: Basic secret",
        "Authorization: secret",
        "Authorization: Bearer \xe9",
    ],
)
def test_without_the_token_nothing_is_told(tmp_path: Path, field: str | None) -> None:
    with ReceiverProcess(tmp_path, token="secret") as receiver:
        (receiver.directory / "there").write_text("there")
        for target in ("/there", "/missing", "/../bad"):
            for method in ("GET", "PUT", "OPTIONS", "BREW"):
                fields = [field] if field else []
                with Wire(receiver.address) as wire:
                    wire.send(head(method, target, *fields).decode().encode("latin-1"))
                    answer = wire.answer()
                assert answer.status == 401
                assert answer.fields["www-authenticate"].startswith("Bearer")
                assert b"there" not in answer.body


def test_with_the_token(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, token="secret") as receiver, Wire(receiver.address) as wire:
        wire.send(put("/x", b"body", "Authorization: Bearer secret"))
        assert wire.answer().status == 201
        # The token is proof enough: a reverse proxy may use any name.
        wire.send(head("GET", "/x", "authorization: bearer secret", host="files.example"))
        assert wire.answer().body == b"body"


def test_idle_connections_are_closed_without_a_word(tmp_path: Path) -> None:
    with (
        ReceiverProcess(tmp_path, idle_timeout_seconds=0.3) as receiver,
        Wire(receiver.address) as fresh,
        Wire(receiver.address) as used,
    ):
        used.send(put("/x"))
        assert used.answer().status == 201
        assert fresh.is_ended()
        assert used.is_ended()


@pytest.mark.parametrize("sent", [b"PUT /x HT", put("/x")[:-1], put("/x")[:-4]])
def test_a_client_that_stops_in_the_middle_gets_408(tmp_path: Path, sent: bytes) -> None:
    with ReceiverProcess(tmp_path, idle_timeout_seconds=0.3) as receiver:
        with Wire(receiver.address) as wire:
            wire.send(sent)
            answer = wire.answer()
            assert (answer.status, answer.fields["connection"]) == (408, "close")
            assert wire.is_ended()
        assert eventually(lambda: receiver.files == {})


def test_a_head_must_be_whole_in_time_however_it_trickles(tmp_path: Path) -> None:
    with (
        ReceiverProcess(tmp_path, idle_timeout_seconds=1) as receiver,
        Wire(receiver.address) as wire,
    ):
        wire.send(b"GET / HTTP/1.1\r\nX: ")
        # Each byte is in time; the head is not.
        for _ in range(100):
            if not wire.is_quiet(0.1):
                break
            wire.send(b"x")
        assert wire.answer().status == 408


def test_a_client_that_does_not_take_its_file_is_dropped(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, idle_timeout_seconds=0.5) as receiver:
        with (receiver.directory / "big").open("wb") as file:
            file.truncate(1 << 30)
        before = receiver.descriptors
        with Wire(receiver.address) as wire:
            wire.send(head("GET", "/big"))
            assert eventually(lambda: receiver.descriptors > before + 1)
            assert eventually(lambda: receiver.descriptors == before)
        assert receiver.memory_bytes("VmHWM") < 200 << 20
        assert receiver.events == []


def test_more_connections_than_allowed_are_told_so(tmp_path: Path) -> None:
    with (
        ReceiverProcess(tmp_path, max_connections=2) as receiver,
        Wire(receiver.address) as one,
        Wire(receiver.address) as two,
    ):
        for wire in (one, two):
            wire.send(head("OPTIONS", "*"))
            assert wire.answer().status == 204
        for request in (put("/x"), head("GET", "/")):
            with Wire(receiver.address) as three:
                three.send(request)
                answer = three.answer()
                assert (answer.status, answer.fields["retry-after"]) == (503, "5")
                assert answer.fields["connection"] == "close"
                assert three.is_ended()
        two.__exit__(None, None, None)
        assert eventually(lambda: accepted(receiver))


def accepted(receiver: ReceiverProcess) -> bool:
    with Wire(receiver.address) as wire:
        wire.send(head("OPTIONS", "*"))
        return wire.answer().status == 204


def test_an_idle_connection_gives_way_when_all_places_are_taken(tmp_path: Path) -> None:
    with (
        ReceiverProcess(tmp_path, max_connections=1) as receiver,
        Wire(receiver.address) as idle,
    ):
        idle.send(head("OPTIONS", "*"))
        assert idle.answer().status == 204
        assert eventually(lambda: accepted(receiver), 5)
        assert idle.is_ended()


@pytest.mark.parametrize("is_fast", [False, True])
def test_who_drips_gives_way_when_all_places_are_taken(tmp_path: Path, is_fast: bool) -> None:
    size = 1 << 20
    with (
        ReceiverProcess(tmp_path, max_connections=1, idle_timeout_seconds=0.5) as receiver,
        Wire(receiver.address) as slow,
    ):
        slow.send(head("PUT", "/x", f"Content-Length: {size}"))
        sent = 0
        was_accepted = False
        # Each piece is in time for the idle timeout.
        while sent < (size if is_fast else 100) and not was_accepted:
            piece = bytes(size // 16 if is_fast else 1)
            slow.send(piece)
            sent += len(piece)
            was_accepted = accepted(receiver)
            assert slow.is_quiet(0.05) or was_accepted or sent == size
        assert was_accepted is not is_fast
        assert slow.answer().status == (201 if is_fast else 408)


def test_too_large_a_file_is_told_and_the_receiver_lives_on(tmp_path: Path) -> None:
    # The kernel's limit on the size of files.
    with ReceiverProcess(tmp_path, max_file_bytes=1 << 20) as receiver:
        for field in (f"Content-Length: {4 << 20}", "Transfer-Encoding: chunked"):
            with Wire(receiver.address) as wire:
                wire.send(head("PUT", "/x", field))
                if field.startswith("T"):
                    wire.send(b"400000\r\n")
                wire.send(bytes(4 << 20))
                answer = wire.answer()
                assert answer.status == 413
                assert b"File too large" in answer.body
                assert wire.is_ended()
        assert eventually(lambda: receiver.files == {})
        assert accepted(receiver)
        with Wire(receiver.address) as wire:
            wire.send(put("/x"))
            assert wire.answer().status == 201


@pytest.mark.parametrize("spare", range(17, 21))
def test_too_many_open_files_are_told_and_nothing_is_left(tmp_path: Path, spare: int) -> None:
    with ReceiverProcess(tmp_path, spare_descriptors=spare) as receiver:
        before = receiver.descriptors
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(Wire(receiver.address)) for _ in range(12)]
            for number, wire in enumerate(wires):
                wire.send(put(f"/{number}")[:-1])
            assert eventually(lambda: any(e.get("status") == 503 for e in receiver.events))
        assert eventually(lambda: receiver.files == {})
        # One less where a file took the place of the descriptor that Twisted keeps in reserve.
        assert eventually(lambda: receiver.descriptors in {before - 1, before})
        assert "a request failed" not in receiver.log


def test_a_disk_that_fails_is_told_and_logged(receiver: ReceiverProcess) -> None:
    shutil.rmtree(receiver.directory)
    receiver.directory.touch()
    for _ in range(2):
        with Wire(receiver.address) as wire:
            wire.send(put("/x"))
            answer = wire.answer()
        assert (answer.status, b"something else" in answer.body) == (503, True)
        assert eventually(lambda: "something else" in receiver.log)
    receiver.directory.unlink()
    with Wire(receiver.address) as wire:
        wire.send(put("/x"))
        assert wire.answer().status == 201
    assert accepted(receiver)


@pytest.mark.parametrize("jump", [864_000, -864_000])
def test_a_wall_clock_that_is_set_changes_no_duration(tmp_path: Path, jump: int) -> None:
    with (
        ReceiverProcess(tmp_path, idle_timeout_seconds=2) as receiver,
        Wire(receiver.address) as slow,
        Wire(receiver.address) as silent,
    ):
        waiting = tus_create(receiver, 5)
        slow.send(head("PUT", "/slow", "Content-Length: 8") + b"half")
        silent.send(b"GET /")
        assert eventually(lambda: 4 in receiver.files.values())
        receiver.tell(f"jump {jump}")
        assert slow.is_quiet(0.5)
        slow.send(b"half")
        assert slow.answer().status == 201
        assert tus_head(receiver, waiting).status == 200
        assert tus_append(receiver, waiting, 0, b"bytes").status == 204
        assert silent.answer().status == 408


# --- start ------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "open to others"])
def test_a_directory_of_uploads_that_cannot_be_used(tmp_path: Path, kind: str) -> None:
    hidden = tmp_path / "received" / ".filebody-uploads"
    hidden.parent.mkdir()
    if kind == "file":
        hidden.touch()
    else:
        hidden.mkdir()
        hidden.chmod(0o777)
    with pytest.raises(RuntimeError, match=r"cannot keep resumable uploads in .*not the receiver"):
        ReceiverProcess(tmp_path).__enter__()
    assert os.listdir(hidden.parent) == [hidden.name]


def test_two_receivers_share_a_directory_and_a_killed_one_leaves_nothing(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for home in (one, two, three):
        home.mkdir()
    shared = tmp_path / "shared"
    shared.mkdir()
    for home in (one, two, three):
        (home / "received").symlink_to(shared)
    with ReceiverProcess(one) as first, Wire(first.address) as wire:
        wire.send(put("/x", b"half a body")[:-1])
        assert eventually(lambda: any(size == 10 for size in first.files.values()))
        with ReceiverProcess(two) as second:
            wire.send(b"y")
            assert wire.answer().status == 201, "the second has not taken the first's away"
            with Wire(second.address) as other:
                other.send(put("/y", b"half a body")[:-1])
                assert eventually(lambda: 10 in second.files.values())
                second.kill()
        assert 10 in first.files.values()
        with ReceiverProcess(three):
            assert first.files == {"x": 11}


def run(coroutine: Coroutine[Deferred[Any], Any, None]) -> Deferred[None]:
    return Deferred.fromCoroutine(coroutine)


class StartTests(TestCase):
    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, certificates: Certificates) -> None:
        self.home = tmp_path
        self.directory = tmp_path / "received"
        self.certificates = certificates
        self.descriptors = len(os.listdir("/proc/self/fd"))

    async def refused(self, advice: str, **settings: Any) -> None:
        receiver = Receiver(ReceiverConfig(**{"directory": self.directory, **settings}))
        with pytest.raises(UsageError, match=advice):
            await receiver.start()
        assert (receiver.url, receiver.port) == ("", 0)
        await receiver.stop()
        assert not list(self.home.rglob(".filebody*"))

    def test_port_in_use(self) -> Deferred[None]:
        async def steps() -> None:
            with socket.create_server(("127.0.0.1", 0)) as taken:
                port = taken.getsockname()[1]
                await self.refused(f"port {port}: Address already in use; choose", port=port)

        return run(steps())

    def test_address_of_another_machine(self) -> Deferred[None]:
        return run(self.refused("cannot listen on 192.0.2.1", host="192.0.2.1", insecure=True))

    def test_not_a_directory(self) -> Deferred[None]:
        self.directory.write_text("")
        return run(self.refused("is not a directory"))

    def test_no_certificate(self) -> Deferred[None]:
        return run(self.refused("cannot read .*none.pem", cert=self.home / "none.pem"))

    def test_not_a_certificate(self) -> Deferred[None]:
        path = self.home / "empty.pem"
        path.write_text("")
        return run(self.refused("no certificate in PEM form", cert=path))

    def test_no_key(self) -> Deferred[None]:
        return run(self.refused("no private key", cert=self.certificates.server_chain))

    def test_the_key_of_another(self) -> Deferred[None]:
        path = self.home / "other.key"
        other = trustme.CA().issue_cert("localhost")
        other.private_key_pem.write_to_path(str(path))
        cert = self.certificates.server_chain
        return run(self.refused("that belongs to the certificate", cert=cert, key=path))

    def test_certificate_and_key_apart(self) -> Deferred[None]:
        async def steps() -> None:
            config = ReceiverConfig(
                directory=self.directory,
                cert=self.certificates.server_chain,
                key=self.certificates.server_key,
            )
            receiver = Receiver(config)
            await receiver.start()
            assert receiver.url == f"https://127.0.0.1:{receiver.port}/"
            await receiver.stop()

        return run(steps())

    def test_ipv6(self) -> Deferred[None]:
        async def steps() -> None:
            receiver = Receiver(ReceiverConfig(directory=self.directory, host="::1"))
            await receiver.start()
            assert receiver.url == f"http://[::1]:{receiver.port}/"
            await deferToThread(self.upload, ("::1", receiver.port))
            await receiver.stop()

        return run(steps())

    def upload(self, address: tuple[str, int]) -> None:
        with Wire(address) as wire:
            wire.send(put("/x"))
            assert wire.answer().status == 201

    def test_once_only(self) -> Deferred[None]:
        async def steps() -> None:
            receiver = Receiver(ReceiverConfig(directory=self.directory))
            await receiver.start()
            with pytest.raises(RuntimeError, match="make another"):
                receiver.start()
            await receiver.stop()
            await receiver.stop()
            with pytest.raises(RuntimeError):
                receiver.start()
            assert list(self.home.rglob("*")) == [self.directory]
            assert len(os.listdir("/proc/self/fd")) <= self.descriptors + 3  # the reactor's own

        return run(steps())

    def test_stop_before_and_during_start(self) -> Deferred[None]:
        async def steps() -> None:
            early = Receiver(ReceiverConfig(directory=self.directory))
            await early.stop()
            assert not self.directory.exists()
            hasty = Receiver(ReceiverConfig(directory=self.directory))
            started = hasty.start()
            stopped = hasty.stop()
            await started
            await stopped
            assert list(self.directory.iterdir()) == []

        return run(steps())

    def test_a_listener_that_raises_stops_nothing(self) -> Deferred[None]:
        async def steps() -> None:
            events: list[ReceiverEvent] = []

            def listen(event: ReceiverEvent) -> None:
                events.append(event)
                raise RuntimeError("not my day")

            receiver = Receiver(ReceiverConfig(directory=self.directory), on_event=listen)
            await receiver.start()
            await deferToThread(self.upload, ("127.0.0.1", receiver.port))
            await receiver.stop()
            (stored,) = events
            assert isinstance(stored, Stored)
            assert stored.path == self.directory / "x"
            assert stored.seconds > 0
            assert stored.peer.startswith("127.0.0.1:")
            assert len(self.flushLoggedErrors(RuntimeError)) == 1  # type: ignore[no-untyped-call]

        return run(steps())


# --- stop ------------------------------------------------------------


def test_stop_lets_a_running_upload_finish(receiver: ReceiverProcess) -> None:
    with Wire(receiver.address) as idle, Wire(receiver.address) as busy:
        busy.send(put("/x")[:-1])
        assert eventually(lambda: 3 in receiver.files.values())
        receiver.tell("stop 20")
        assert idle.is_ended()
        assert eventually(lambda: is_refused(receiver))
        busy.send(b"y")
        answer = busy.answer()
        assert (answer.status, answer.fields["connection"]) == (201, "close")
        assert busy.is_ended()
    assert receiver.wait() == 0
    assert receiver.files == {"x": 4}
    assert [path.name for path in receiver.directory.iterdir()] == ["x"]


def is_refused(receiver: ReceiverProcess) -> bool:
    try:
        socket.create_connection(receiver.address, 1).close()
    except ConnectionError:
        return True
    return False


def test_stop_aborts_what_outlasts_the_grace(receiver: ReceiverProcess) -> None:
    with Wire(receiver.address) as wire:
        wire.send(put("/x")[:-1])
        assert eventually(lambda: 3 in receiver.files.values())
        receiver.tell("stop 0.2")
        assert wire.is_ended()
    assert receiver.wait() == 0
    assert list(receiver.directory.iterdir()) == []
    assert [event["kind"] for event in receiver.events] == ["Aborted"]


def test_a_second_stop_shortens_the_grace(receiver: ReceiverProcess) -> None:
    with Wire(receiver.address) as wire:
        wire.send(put("/x")[:-1])
        assert eventually(lambda: 3 in receiver.files.values())
        receiver.tell("stop 1000")
        receiver.tell("stop 0")
        assert wire.is_ended()
    assert receiver.wait() == 0


def test_stop_waits_for_a_commit_on_a_slow_disk(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, is_disk_stuck=True) as receiver:
        with Wire(receiver.address) as wire:
            wire.send(put("/x"))
            assert eventually(lambda: receiver.files)
            receiver.tell("stop 20")
            assert eventually(lambda: is_refused(receiver))
            receiver.tell("open")
            assert wire.answer().status == 201
        assert receiver.wait() == 0
        assert receiver.files == {"x": 4}


FORGETFUL = """
import sys
from pathlib import Path
from twisted.internet import reactor
from filebody.receiver import Receiver, ReceiverConfig
receiver = Receiver(ReceiverConfig(directory=Path(sys.argv[1])))
receiver.start().addCallback(lambda _: print(receiver.port, flush=True))
reactor.run()
"""


def test_a_program_that_forgets_to_stop_ends_cleanly(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORGETFUL, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        address = ("127.0.0.1", int(program.stdout.readline()))
        with Wire(address) as wire:
            wire.send(put("/x")[:-1])
            assert eventually(lambda: list(tmp_path.rglob("*.part")))
            program.send_signal(signal.SIGINT)
            assert wire.is_ended()
        assert program.wait(30) in {0, -signal.SIGINT}
        assert program.stderr.read() == b""
    assert list(tmp_path.iterdir()) == []

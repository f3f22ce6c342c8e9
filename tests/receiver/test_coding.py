from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import random
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from filebody.receiver._budget import Budget
from filebody.receiver._coding import CODINGS, CodedIncoming
from filebody.receiver._refusal import Refusal
from filebody.receiver._store import Store
from filebody.receiver._zstd_frame import window_bytes
from tests.peers.content import generated
from tests.programs import require_module
from tests.receiver.process import ReceiverProcess
from tests.receiver.wire import Wire, chunked, head, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILE = generated(5, 0, 300_000) + bytes(700_000)


def zstd(content: bytes) -> bytes:
    require_module("backports.zstd", "backports.zstd")
    from backports import zstd

    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})


ENCODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd}
both = pytest.mark.parametrize("coding", ENCODERS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    home = tmp_path_factory.mktemp("coding")
    with ReceiverProcess(home, max_size=len(FILE), overwrite=True) as process:
        yield process


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    store.open()
    yield store
    store.close()


def begin(store: Store, coding: str, **settings: Any) -> CodedIncoming:
    incoming = store.begin(("name",), length=None)
    return CodedIncoming(
        incoming,
        coding,
        **{"algorithms": ("sha-256",), "max_size": None, "budget": Budget(), **settings},
    )


def field_of(algorithm: str, content: bytes) -> str:
    digest = hashlib.new(algorithm.replace("-", ""), content).digest()
    return f"{algorithm}=:{base64.b64encode(digest).decode()}:"


@both
@pytest.mark.parametrize("framing", ["counted", "chunked"])
@pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
def test_what_is_stored_is_the_file(
    shared: ReceiverProcess, coding: str, framing: str, field: str
) -> None:
    coded = ENCODERS[coding](FILE)
    # RFC 9530: both of what is sent, for the coding is a part of the representation.
    promise = f"{field}: {field_of('sha-512', coded)}"
    if framing == "counted":
        message = put("/x", coded, f"Content-Encoding: {coding}", promise)
    else:
        message = head("PUT", "/x", f"Content-Encoding: {coding}", "Transfer-Encoding: chunked")
        message += chunked(coded[:1000], coded[1000:], trailer=promise + "\r\n")

    with Wire(shared.address) as wire:
        wire.send(message)
        answer = wire.answer()

    assert answer.status in {200, 201}, answer
    assert (shared.directory / "x").read_bytes() == FILE
    assert answer.fields["repr-digest"] == field_of("sha-256", FILE)
    facts = json.loads(answer.body)
    assert (facts["size_bytes"], facts["sha256"]) == (len(FILE), hashlib.sha256(FILE).hexdigest())


@both
def test_what_is_refused(shared: ReceiverProcess, coding: str) -> None:
    field = f"Content-Encoding: {coding}"
    coded = ENCODERS[coding](FILE)
    damaged = bytearray(coded)
    damaged[len(coded) // 2] ^= 1
    wrong = {
        "cut short": (put("/y", coded[:-1], field), 400),
        "damaged": (put("/y", bytes(damaged), field), 400),
        "garbage at its end": (put("/y", coded + b"garbage at the end", field), 400),
        "begun anew and cut": (put("/y", coded + ENCODERS[coding](b"")[:-1], field), 400),
        "too long": (put("/y", ENCODERS[coding](FILE + b"."), field), 413),
        "other digest": (put("/y", coded, field, f"Repr-Digest: {field_of('sha-256', FILE)}"), 400),
    }
    for name, (message, status) in wrong.items():
        with Wire(shared.address) as wire:
            wire.send(message)
            answer = wire.answer()
        assert answer.status == status, (name, answer)
    assert "y" not in shared.files
    assert not [name for name in shared.files if name.endswith(".part")]


def test_other_codings_are_told_what_would_do(shared: ReceiverProcess) -> None:
    with Wire(shared.address) as wire:
        wire.send(put("/x", b"", "Content-Encoding: br"))
        answer = wire.answer()
    assert answer.status == 415
    assert answer.fields["accept-encoding"] == ", ".join(CODINGS)
    assert CODINGS[0] == "gzip"


def test_the_old_name_of_gzip(shared: ReceiverProcess) -> None:
    with Wire(shared.address) as wire:
        wire.send(put("/x", gzip.compress(b"old"), "Content-Encoding: X-GZIP, identity"))
        assert wire.answer().status in {200, 201}
    assert (shared.directory / "x").read_bytes() == b"old"


@both
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_any_pieces_of_any_members(store: Store, coding: str, size: int) -> None:
    encode = ENCODERS[coding]
    coded = encode(FILE[:5000]) + encode(b"") + encode(FILE[5000:9000])
    incoming = begin(store, coding)
    for start in range(0, len(coded), size):
        incoming.write([coded[start : start + size]])
    stored = incoming.commit({"sha-256": hashlib.sha256(coded).digest()})
    assert stored.path.read_bytes() == FILE[:9000]
    assert stored.sha256 == hashlib.sha256(FILE[:9000]).digest()


@both
@pytest.mark.parametrize("size", [256 * 1024, 512 * 1024, 512 * 1024 + 1])
def test_what_decodes_to_much_is_written_in_pieces(
    store: Store, coding: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = begin(store, coding)
    sizes: list[int] = []
    write = incoming._incoming.write

    def noted(pieces: Any) -> None:
        sizes.extend(len(piece) for piece in pieces)
        write(pieces)

    monkeypatch.setattr(incoming._incoming, "write", noted)
    incoming.write([ENCODERS[coding](bytes(size))])
    assert incoming.commit({}).size_bytes == size == sum(sizes)
    assert max(sizes) <= 256 * 1024


@both
def test_a_little_that_stands_for_too_much(store: Store, coding: str) -> None:
    incoming = begin(store, coding, max_size=1_000_000)
    with pytest.raises(Refusal, match="413"):
        incoming.write([ENCODERS[coding](bytes(100_000_000))])
    assert incoming._incoming.size_bytes <= 1_000_000
    incoming.abort()


@both
def test_what_cannot_be_compressed_may_be_as_long(tmp_path: Path, coding: str) -> None:
    content = random.Random(3).randbytes(1000)
    coded = ENCODERS[coding](content)
    assert len(coded) > len(content)
    with ReceiverProcess(tmp_path, max_size=1000) as receiver, Wire(receiver.address) as wire:
        wire.send(put("/x", coded, f"Content-Encoding: {coding}"))
        assert wire.answer().status == 201
        wire.send(put("/y", ENCODERS[coding](b"") * 10_000, f"Content-Encoding: {coding}"))
        assert wire.answer().status == 413


def test_other_wrappings_of_zlib_are_none(store: Store) -> None:
    incoming = begin(store, "gzip")
    with pytest.raises(Refusal, match="is not gzip"):
        incoming.write([zlib.compress(b"deflate")])
    incoming.abort()


def test_a_window_that_would_take_all_memory(store: Store) -> None:
    require_module("backports.zstd", "backports.zstd")
    from backports import zstd

    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
    incoming = begin(store, "zstd")
    with pytest.raises(Refusal, match="is not zstd"):
        incoming.write([compressor.compress(bytes(20_000_000)) + compressor.flush()])
    incoming.abort()


WINDOWS = [(10, 10_000), (17, 200_000), (20, 3_000_000), (23, 9_000_000)]


@pytest.mark.parametrize(("log", "size"), WINDOWS)
@pytest.mark.parametrize("is_size_known", [False, True])
def test_the_window_of_a_frame(log: int, size: int, *, is_size_known: bool) -> None:
    require_module("backports.zstd", "backports.zstd")
    from backports import zstd

    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
    if is_size_known:
        compressor.set_pledged_input_size(size)
    coded = compressor.compress(bytes(size)) + compressor.flush()
    wanted = zstd.get_frame_info(coded).decompressed_size
    assert wanted == (size if is_size_known else None)
    window = window_bytes(coded)
    assert window is not None
    assert window in {1 << log, size}
    for length in range(18):
        assert window_bytes(coded[:length]) in {None, window}


@pytest.mark.parametrize("start", [b"x", b"\x28\xb5\x2fx", b"\x50\x2a\x4d\x18\0\0\0\0"])
def test_no_window(start: bytes) -> None:
    assert window_bytes(start) == 0


@both
def test_a_decoder_has_its_memory_from_the_budget(store: Store, coding: str) -> None:
    budget = Budget()
    incoming = begin(store, coding, budget=budget)
    coded = ENCODERS[coding](FILE)
    incoming.write([coded[:1000]])
    assert budget.held_bytes > 32 * 1024
    incoming.write([coded[1000:]])
    assert budget.held_bytes == 0
    incoming.write([coded[:1000]])
    incoming.abort()
    incoming.abort()
    assert budget.held_bytes == 0

    incoming = begin(store, coding, budget=Budget(limit_bytes=40 * 1024))
    with pytest.raises(Refusal, match="503"):
        incoming.write([coded])
    incoming.abort()


def test_many_open_zstd_bodies(tmp_path: Path) -> None:
    """Each would pin 8 MiB for 300 bytes; what has no room is refused, and all else is served."""
    require_module("backports.zstd", "backports.zstd")
    from backports import zstd

    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 23})
    start = compressor.compress(bytes(9 << 20), mode=zstd.ZstdCompressor.FLUSH_BLOCK)
    opening = head("PUT", "/x", "Content-Encoding: zstd", "Transfer-Encoding: chunked")
    limit = 40 << 20
    with (
        ReceiverProcess(tmp_path, max_memory=limit) as receiver,
        contextlib.ExitStack() as stack,
    ):
        before = receiver.memory_bytes()
        wires = [stack.enter_context(Wire(receiver.address)) for _ in range(20)]
        for number, wire in enumerate(wires):
            wire.send(
                opening.replace(b"/x", b"/%d" % number) + b"%x\r\n%b\r\n" % (len(start), start)
            )
        refused = [wire for wire in wires if not wire.is_quiet(0.5)]
        assert len(refused) == 17
        for wire in refused:
            answer = wire.answer()
            assert (answer.status, answer.fields["retry-after"]) == (503, "5")
        assert receiver.memory_bytes() < before + limit
        with Wire(receiver.address) as wire:
            wire.send(put("/plain") + put("/small", gzip.compress(b"x"), "Content-Encoding: gzip"))
            assert [wire.answer().status for _ in range(2)] == [201, 201]


def test_bodies_that_are_decoded_leave_threads_to_others(tmp_path: Path) -> None:
    coded = gzip.compress(b"body")
    with (
        ReceiverProcess(tmp_path, is_disk_stuck=True) as receiver,
        contextlib.ExitStack() as stack,
    ):
        wires = [stack.enter_context(Wire(receiver.address)) for _ in range(12)]
        for number, wire in enumerate(wires):
            wire.send(put(f"/{number}", coded, "Content-Encoding: gzip"))
        assert all(wire.is_quiet(0.02) for wire in wires)
        with Wire(receiver.address) as other:
            other.send(head("GET", "/"))
            assert other.answer().status == 200
        receiver.tell("open")
        assert [wire.answer().status for wire in wires] == [201] * 12

"""What every body promises, as one check.

Call them from a test with something that makes what is to be checked:

    check_body(lambda: MyBody("report.pdf"), Path("report.pdf").read_bytes())
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

import attrs

from filebody.body import Body, Reader, WaitBy
from filebody.errors import NotReplayable, UsageError

__all__ = ["check_body"]

_PATIENCE_SECONDS = 10.0
# So many reads of a small size show what there is to see; the rest of a long body comes in
# pieces of this size.
_READS_OF_ONE_SIZE = 100
_COMMON_SIZE = 1 << 16
_UNTOUCHED = 0xA5

_Take = Callable[[Reader, int], bytes | None]


def check_body(make_body: Callable[[], Body], content: bytes, *, ranges: bool = True) -> None:
    """Check that a body keeps every promise that `Body` and `Reader` make.

    Each rule is tried with fresh bodies. Readers are driven as the interface says: `read` and
    `readinto` on the calling thread, `read_blocking` on threads of their own. That a read which
    should not block does not block cannot be seen from outside, and is not checked.

    Args:
        make_body: Makes a fresh body at each call; what it leaves open is for its owner to close.
        content: The bytes that each of these bodies has to give.
        ranges: False for a body that can be opened as a whole only, as `DigestBody`; it has to
            refuse every other range.

    Raises:
        AssertionError: The body broke a rule; the message begins with the rule.

    Source: the docstrings of `filebody.Body` and `filebody.Reader`.
    """
    subject = _Subject(make_body, content)
    rules = [*_RULES, _RANGES if ranges else _NO_RANGES]
    for words, check in rules:
        with _rule(words):
            check(subject)


@attrs.frozen
class _Subject:
    """What is checked, and what it must give."""

    make_body: Callable[[], Body]
    content: bytes

    @property
    def sizes(self) -> list[int]:
        """The sizes of reads at which mistakes show, in bytes."""
        count = len(self.content)
        sizes = {1, 2, 3, 7, count - 1, count, count + 1, _COMMON_SIZE, 10 << 20}
        return sorted(size for size in sizes if size > 0)

    def open(self, offset: int = 0, stop: int | None = None) -> closing[Reader]:
        """A pass over a fresh body, as a context."""
        return closing(self.make_body().open(offset, stop))

    def refuses(self, offset: int, stop: int | None) -> None:
        """See that this range is refused."""
        body = self.make_body()
        _refuses(UsageError, f"open({offset}, {stop})", lambda: body.open(offset, stop))


def _check_description(subject: _Subject) -> None:
    body = subject.make_body()
    _require(isinstance(body, Body), f"{type(body).__name__} is not a subclass of Body")
    _require(isinstance(body.source, str), f"source is {body.source!r}, not a str")
    _require(isinstance(body.replayable, bool), f"replayable is {body.replayable!r}, not a bool")
    _require(
        body.length is None or body.length == len(subject.content),
        f"length is {body.length!r}; it must be {len(subject.content)}, or None if unknown",
    )


def _check_laziness(subject: _Subject) -> None:
    body = subject.make_body()
    before = _descriptors()
    with closing(body.open()):
        opened = _descriptors() - before
    _require(not opened, f"open() opened {sorted(opened)}: leave that to the first read")


def _check_reads(subject: _Subject) -> None:
    for size in subject.sizes:
        with _rule(f"read({size})"), subject.open() as reader:
            _drain(reader, subject.content, _read, size)


def _check_readinto(subject: _Subject) -> None:
    for size in subject.sizes[:-1]:
        for take in (_read_into_bytearray, _read_into_memoryview):
            words = f"readinto, {size} bytes of {take.__name__.removeprefix('_read_into_')}"
            with _rule(words), subject.open() as reader:
                _drain(reader, subject.content, take, size)


def _check_blocking(subject: _Subject) -> None:
    for size in subject.sizes:
        with _rule(f"read_blocking({size})"), subject.open() as reader:
            _drain(reader, subject.content, _read_blocking, size)


def _check_giving_back(subject: _Subject) -> None:
    ways: list[tuple[_Take, int]] = [(_read, 1), (_read_into_memoryview, 3), (_read_blocking, 2)]
    for size in subject.sizes[-6:]:
        for take, share in ways:
            with subject.open() as reader:
                _drain_giving_back(reader, subject.content, take, size, share)
    for size in (1, max(1, len(subject.content))):
        with subject.open() as reader:
            _refuses_to_take_back(reader, 1)
            given = len(_wait_for(reader, _read, size))
            _refuses_to_take_back(reader, given + 1)
            _refuses_to_take_back(reader, -1)
            rest = _rest(reader)
            _same(rest, subject.content[given:])
            _refuses_to_take_back(reader, 1)


def _check_size(subject: _Subject) -> None:
    for size in (0, -1):
        for take in (_read, _read_blocking):
            with subject.open() as reader:
                _refuses(UsageError, f"{take.__name__[1:]}({size})", partial(take, reader, size))
    with subject.open() as reader:
        _refuses(UsageError, "readinto of no room", lambda: reader.readinto(bytearray()))


def _check_closing(subject: _Subject) -> None:
    for reads in (0, 1, 2):
        with subject.open() as reader:
            for _ in range(reads):
                _wait_for(reader, _read, max(1, len(subject.content)))
            reader.close()
            _is_closed(reader)


def _check_closing_under_read(subject: _Subject) -> None:
    for size in subject.sizes[-5:]:
        with subject.open() as reader:
            together = threading.Barrier(2)

            def read(reader: Reader = reader, size: int = size) -> bytes | None:
                together.wait(_PATIENCE_SECONDS)  # noqa: B023 - the thread ends in this round
                return reader.read_blocking(size)

            outcome = _Outcome(read)
            together.wait(_PATIENCE_SECONDS)
            reader.close()
            piece = outcome.wait()
            _require(
                piece is None or subject.content.startswith(piece),
                f"read_blocking gave {_shown(piece)} while the reader was closed",
            )
            _is_closed(reader)


def _check_release(subject: _Subject) -> None:
    for reads in (0, 1, 2):
        body = subject.make_body()
        before = _descriptors()
        with closing(body.open()) as reader:
            for _ in range(reads):
                _wait_for(reader, _read, max(1, len(subject.content)))
        leaked = _descriptors() - before
        _require(not leaked, f"{sorted(leaked)} stayed open after close()")


def _check_second_pass(subject: _Subject) -> None:
    body = subject.make_body()
    if not body.replayable:
        with closing(body.open()):
            _refuses(NotReplayable, "open() while there is a pass", body.open)
        _refuses(NotReplayable, "open() after a pass", body.open)
        return
    for _ in range(2):
        with closing(body.open()) as reader:
            _drain(reader, subject.content, _read, _COMMON_SIZE)
    half = len(subject.content) // 2
    with closing(body.open()) as first, closing(body.open()) as second:
        begun = _take_exactly(first, half)
        _drain(second, subject.content, _read, 7)
        second.close()
        _same(begun, subject.content[:half])
        _drain(first, subject.content[half:], _read, 3)


def _check_ranges(subject: _Subject) -> None:
    count = len(subject.content)
    marks = sorted({0, 1, count // 2, count - 1, count} & set(range(count + 1)))
    for offset in marks:
        for stop in [None, *(mark for mark in marks if mark >= offset)]:
            for size in (7, max(1, count)):
                with _rule(f"open({offset}, {stop})"), subject.open(offset, stop) as reader:
                    _drain(reader, subject.content[offset:stop], _read, size)
    for offset, stop in [(-1, None), (0, -1), (count, count - 1)]:
        subject.refuses(offset, stop)
    known = subject.make_body().length is not None
    for offset, stop in [(count + 1, None), (0, count + 1), (count + 1, count + 2)]:
        if known:
            subject.refuses(offset, stop)
            continue
        with _rule(f"open({offset}, {stop}), past an end that is not known before"):
            try:
                with subject.open(offset, stop) as reader:
                    _drain(reader, subject.content[offset:stop], _read, _COMMON_SIZE)
            except UsageError:
                continue  # it knew better


def _check_no_ranges(subject: _Subject) -> None:
    count = len(subject.content)
    for offset, stop in [(1, None), (-1, None), (0, count - 1), (0, count + 1)]:
        subject.refuses(offset, stop)


_RULES: list[tuple[str, Callable[[_Subject], None]]] = [
    ("a body describes itself", _check_description),
    ("nothing is opened before the first read", _check_laziness),
    ("reads give the content, whatever their size", _check_reads),
    ("readinto gives the content and touches no more", _check_readinto),
    ("read_blocking alone gives the content", _check_blocking),
    ("what was given back comes again", _check_giving_back),
    ("a read needs room for a byte", _check_size),
    ("a closed reader stays closed", _check_closing),
    ("a reader can be closed under a read in a thread", _check_closing_under_read),
    ("a pass leaves no descriptor open", _check_release),
    ("a second pass gives the same, or is refused", _check_second_pass),
]
_RANGES = ("a range gives that part of the content", _check_ranges)
_NO_RANGES = ("what has no ranges refuses them", _check_no_ranges)


def _read(reader: Reader, size: int) -> bytes | None:
    return _checked(reader.read(size), size)


def _read_blocking(reader: Reader, size: int) -> bytes | None:
    """On a thread of its own, so that a read which never comes back is noticed."""
    return _checked(_Outcome(partial(reader.read_blocking, size)).wait(), size)


def _read_into_bytearray(reader: Reader, size: int) -> bytes | None:
    buffer = bytearray([_UNTOUCHED]) * size
    count = reader.readinto(buffer)
    return _filled(buffer, count, 0, size)


def _read_into_memoryview(reader: Reader, size: int) -> bytes | None:
    margin = 5
    buffer = bytearray([_UNTOUCHED]) * (margin + size + margin)
    with memoryview(buffer) as whole, whole[margin : margin + size] as view:
        count = reader.readinto(view)
    return _filled(buffer, count, margin, size)


def _filled(buffer: bytearray, count: int | None, begin: int, size: int) -> bytes | None:
    """What a `readinto` put at `begin`, if it left the rest of `buffer` alone."""
    if count is None:
        return None
    _require(0 <= count <= size, f"readinto({size} bytes) gave a count of {count}")
    around = buffer[:begin] + buffer[begin + count :]
    _require(around.count(_UNTOUCHED) == len(around), "readinto changed more than it counted")
    return bytes(buffer[begin : begin + count])


def _checked(piece: bytes | None, size: int) -> bytes | None:
    if piece is None:
        return None
    _require(isinstance(piece, bytes), f"a read gave {type(piece).__name__}, not bytes")
    _require(len(piece) <= size, f"a read of {size} bytes gave {len(piece)}")
    return piece


def _drain(reader: Reader, expected: bytes, take: _Take, size: int) -> None:
    """Read to the end with `take`, compare, and see that the end stays."""
    got = bytearray()
    reads = 0
    while piece := _wait_for(reader, take, size if reads < _READS_OF_ONE_SIZE else _COMMON_SIZE):
        got += piece
        reads += 1
        _require(len(got) <= len(expected), f"more than the {len(expected)} bytes came")
    _same(bytes(got), expected)
    for _ in range(3):
        piece = _wait_for(reader, take, size)
        _require(piece == b"", f"after the end came {_shown(piece)} instead of the end again")


def _drain_giving_back(reader: Reader, expected: bytes, take: _Take, size: int, share: int) -> None:
    """As `_drain`, but of every other read one `share`th is given back, and then a byte more."""
    got = bytearray()
    reads = 0
    while piece := _wait_for(reader, take, size if reads < _READS_OF_ONE_SIZE else _COMMON_SIZE):
        got += piece
        reads += 1
        _require(len(got) <= len(expected), f"more than the {len(expected)} bytes came")
        if reads % 2 and reader.can_unread:
            count = -(-len(piece) // share)
            for back in (count, min(1, len(piece) - count)):
                reader.unread(back)
                del got[len(got) - back :]
    _same(bytes(got), expected)


def _refuses_to_take_back(reader: Reader, count: int) -> None:
    _refuses(UsageError, f"unread({count})", lambda: reader.unread(count))


def _rest(reader: Reader) -> bytes:
    return b"".join(iter(partial(_wait_for, reader, _read, _COMMON_SIZE), b""))


def _take_exactly(reader: Reader, count: int) -> bytes:
    got = b""
    while len(got) < count:
        piece = _wait_for(reader, _read, count - len(got))
        _require(piece != b"", f"the end came after {len(got)} bytes")
        got += piece
    return got


def _wait_for(reader: Reader, take: _Take, size: int) -> bytes:
    """Read with `take`, and wait as the reader says until there is something."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        piece = take(reader, size)
        if piece is None and take is not _read_blocking:
            piece = _wait_once(reader, size)
        if piece is not None:
            return piece
        time.sleep(0.0001)
    raise AssertionError(f"it was not ready for {_PATIENCE_SECONDS:g} seconds")


def _wait_once(reader: Reader, size: int) -> bytes | None:
    match reader.wait_by:
        case WaitBy.THREAD:
            return _read_blocking(reader, size)
        case WaitBy.DESCRIPTOR:
            poll = select.poll()
            poll.register(reader.fileno(), select.POLLIN)
            ready = poll.poll(_PATIENCE_SECONDS * 1000)
            _require(ready, f"its descriptor was not ready for {_PATIENCE_SECONDS:g} seconds")
        case WaitBy.RETRY:
            pass
    return None


class _Outcome:
    """What a read on a thread of its own comes to."""

    def __init__(self, call: Callable[[], bytes | None]) -> None:
        self._call = call
        self._value: bytes | None = None
        self._error: BaseException | None = None
        # A read that never comes back must not keep the interpreter from its end.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self._error = error

    def wait(self) -> bytes | None:
        self._thread.join(_PATIENCE_SECONDS)
        _require(not self._thread.is_alive(), f"no answer within {_PATIENCE_SECONDS:g} seconds")
        if self._error is not None:
            raise self._error
        return self._value


def _is_closed(reader: Reader) -> None:
    reader.close()
    _refuses(UsageError, "read() after close()", lambda: reader.read(1))
    _refuses(UsageError, "readinto() after close()", lambda: reader.readinto(bytearray(1)))
    _refuses(UsageError, "unread(1) after close()", lambda: reader.unread(1))
    piece = reader.read_blocking(1)
    _require(piece is None, f"read_blocking() after close() gave {_shown(piece)}, not None")


def _refuses(kind: type[Exception], what: str, call: Callable[[], object]) -> None:
    try:
        given = call()
    except kind:
        return
    except Exception as error:
        raise AssertionError(f"{what} raised {error!r}, not {kind.__name__}") from error
    if isinstance(given, Reader):
        given.close()
    raise AssertionError(f"{what} did not raise {kind.__name__}")


def _same(got: bytes, expected: bytes) -> None:
    if got == expected:
        return
    pairs = enumerate(zip(got, expected, strict=False))
    at = next((n for n, (a, b) in pairs if a != b), min(len(got), len(expected)))
    raise AssertionError(
        f"at byte {at} came {_shown(got[at:])} instead of {_shown(expected[at:])}; "
        f"{len(got)} of {len(expected)} bytes came"
    )


def _shown(piece: bytes | None) -> str:
    return repr(piece) if piece is None or len(piece) <= 20 else f"{piece[:20]!r}..."


def _descriptors() -> frozenset[tuple[int, str]]:
    """The open descriptors and what they are of, where Linux tells them."""
    found = set()
    directory = "/proc/self/fd"
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        try:
            found.add((int(name), os.readlink(f"{directory}/{name}")))
        except OSError:
            continue  # the descriptor of the directory itself is gone by now
    return frozenset(found)


def _require(condition: object, broken: str) -> None:
    if not condition:
        raise AssertionError(broken)


@contextmanager
def _rule(words: str) -> Iterator[None]:
    """Put the rule in front of whatever goes wrong."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{words}: {error}") from error.__cause__
    except Exception as error:
        raise AssertionError(f"{words}: {error!r}") from error

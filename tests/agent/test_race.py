from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterator
from unittest import mock

import pytest
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from filebody.agent._race import race
from filebody.errors import ConnectError, ConnectTimeout
from tests.agent.driven import (
    Driven,
    Hand,
    black_hole,
    caught,
    closed_port,
    has_ipv6,
    held_sockets,
    listening,
    no_more_descriptors,
)

URL = "http://host.test/"
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


def check(connected: socket.socket) -> None:
    """It is as promised; the reactor is looked at when the test is over."""
    with connected:
        assert not connected.getblocking()
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


class TestEveryReactor:
    @pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
    def test_an_address(self, driven: Driven, host: str) -> None:
        with listening(host) as listener:
            port = listener.getsockname()[1]
            connected = driven.result(race(driven.reactor, host, port, 30, URL))
            assert connected.getpeername()[:2] == (host, port)
            check(connected)
        assert not driven.resolver.asked

    def test_a_refusal(self, driven: Driven) -> None:
        with closed_port() as port:
            error = driven.outcome(race(driven.reactor, "127.0.0.1", port, 30, URL))
            assert isinstance(error, ConnectError)
            assert (error.url, error.offset) == (URL, 0)
            assert error.reason == (
                f"connection refused: nothing listens on 127.0.0.1 port {port}; "
                "is the server running?"
            )

    def test_a_refusal_by_all(self, driven: Driven) -> None:
        driven.resolver.known["host.test"] = ("127.0.0.1", "127.0.0.2")
        with closed_port() as port:
            error = driven.outcome(race(driven.reactor, "host.test", port, 30, URL))
            assert isinstance(error, ConnectError)
            assert error.reason == (
                f"connection refused: nothing listens on host.test port {port} "
                f"(127.0.0.1:{port} and 127.0.0.2:{port}); is the server running?"
            )

    def test_after_a_refusal_comes_the_next(self, driven: Driven) -> None:
        driven.resolver.known["host.test"] = ("127.0.0.2", "127.0.0.3", "127.0.0.1")
        with listening() as listener:
            port = listener.getsockname()[1]
            connected = driven.result(race(driven.reactor, "host.test", port, None, URL))
            assert connected.getpeername() == ("127.0.0.1", port)
            check(connected)

    def test_an_address_that_does_not_answer_is_overtaken(self, driven: Driven) -> None:
        driven.resolver.known["host.test"] = ("127.0.0.2", "127.0.0.1")
        with listening() as listener, black_hole("127.0.0.2", listener.getsockname()[1]) as port:
            connected = driven.result(race(driven.reactor, "host.test", port, 30, URL))
            assert connected.getpeername() == ("127.0.0.1", port)
            connected.close()

    def test_too_late(self, driven: Driven) -> None:
        driven.resolver.known["host.test"] = ("127.0.0.2", "127.0.0.1")
        with closed_port() as port, black_hole("127.0.0.2", port):
            error = driven.outcome(race(driven.reactor, "host.test", port, 1, URL))
        assert isinstance(error, ConnectTimeout)
        assert error.reason == (
            f"no connection to host.test port {port} within 1 s "
            f"(127.0.0.1:{port}: connection refused)"
        )

    def test_cancelled_while_it_connects(self, driven: Driven) -> None:
        driven.resolver.known["host.test"] = ("127.0.0.2", "127.0.0.3")
        with black_hole("127.0.0.2") as port, black_hole("127.0.0.3", port):
            before = held_sockets()
            racing = race(driven.reactor, "host.test", port, 30, URL)
            driven.until(lambda: len(driven.reactor.getWriters()) == 2)
            racing.cancel()
            assert isinstance(driven.outcome(racing), CancelledError)
            assert held_sockets() == before

    def test_cancelled_at_once(self, driven: Driven) -> None:
        with listening() as listener:
            racing = race(driven.reactor, "127.0.0.1", listener.getsockname()[1], 30, URL)
            racing.cancel()
            assert isinstance(driven.outcome(racing), CancelledError)

    @needs_ipv6
    def test_families_take_turns(self, driven: Driven) -> None:
        driven.resolver.known["host.test"] = ("127.0.0.1", "127.0.0.2", "::1")
        with listening("::1") as six:
            port = six.getsockname()[1]
            with listening(port=port):
                connected = driven.result(race(driven.reactor, "host.test", port, 30, URL))
                assert connected.getpeername()[:2] == ("::1", port)
                check(connected)

    def test_from_an_address(self, driven: Driven) -> None:
        driven.resolver.known["host.test"] = ("::1", "127.0.0.1")
        with listening() as listener:
            port = listener.getsockname()[1]
            connected = driven.result(
                race(driven.reactor, "host.test", port, 30, URL, bind_address="127.0.0.3")
            )
            accepted, peer = listener.accept()
            accepted.close()
            assert peer[0] == "127.0.0.3"
            check(connected)


@pytest.fixture
def hand() -> Iterator[Hand]:
    before = held_sockets()
    hand = Hand()
    yield hand
    assert hand.is_empty
    assert held_sockets() == before


def reason(racing: Deferred[socket.socket]) -> str:
    error = caught(racing)
    assert isinstance(error, ConnectError | ConnectTimeout)
    return error.reason


class TestResolving:
    def test_families_are_interleaved_from_ipv6(self, hand: Hand) -> None:
        from filebody.agent._resolve import resolve

        resolving = resolve(hand, "host.test", 1)
        hosts = ["10.0.0.1", "10.0.0.2", "2001:db8::1", "10.0.0.3", "2001:db8::2", "10.0.0.1"]
        found: list[object] = []
        resolving.addCallback(found.extend)
        hand.nameResolver.asked[0].answer(*hosts, port=1)
        assert [str(address) for address in found] == [
            "[2001:db8::1]:1",
            "10.0.0.1:1",
            "[2001:db8::2]:1",
            "10.0.0.2:1",
            "10.0.0.3:1",
        ]

    def test_no_such_host(self, hand: Hand) -> None:
        racing = race(hand, "host.test", 1, 30, URL)
        hand.nameResolver.asked[0].answer(port=1)
        assert reason(racing) == ("there is no host host.test: check its spelling and your network")

    def test_no_answer(self, hand: Hand) -> None:
        racing = race(hand, "host.test", 1, 30, URL)
        hand.advance(30)
        assert reason(racing) == "no answer to where host.test is within 30 s"
        assert hand.nameResolver.asked[0].is_cancelled
        hand.nameResolver.asked[0].answer("127.0.0.1", port=1)

    def test_cancelled(self, hand: Hand) -> None:
        racing = race(hand, "host.test", 1, 30, URL)
        racing.cancel()
        assert isinstance(caught(racing), CancelledError)
        assert hand.nameResolver.asked[0].is_cancelled
        hand.nameResolver.asked[0].answer("127.0.0.1", port=1)

    def test_a_resolver_that_cannot_be_cancelled(self, hand: Hand) -> None:
        racing = race(hand, "host.test", 1, 30, URL)
        with mock.patch.object(
            type(hand.nameResolver.asked[0]), "cancel", side_effect=NotImplementedError
        ):
            racing.cancel()
        assert isinstance(caught(racing), CancelledError)

    def test_a_resolver_that_fails(self, hand: Hand) -> None:
        with mock.patch.object(hand.nameResolver, "resolveHostName", side_effect=OSError("none")):
            racing = race(hand, "host.test", 1, 30, URL)
        assert reason(racing) == "the resolver failed for host host.test: none"


class TestByHand:
    def test_the_next_attempt_begins_after_a_quarter_of_a_second(self, hand: Hand) -> None:
        hosts = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
        hand.nameResolver.known["host.test"] = hosts
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(black_hole(hosts[0]))
            for host in hosts[1:]:
                stack.enter_context(black_hole(host, port))
            racing = race(hand, "host.test", port, None, URL)
            for count in (1, 2, 3):
                hand.advance(0.2)
                assert len(hand.writers) == count
                hand.advance(0.05)
            assert not hand.getDelayedCalls()
            racing.cancel()
            assert isinstance(caught(racing), CancelledError)

    def test_two_that_answer_at_once(self, hand: Hand) -> None:
        hand.nameResolver.known["host.test"] = ("127.0.0.1", "127.0.0.2")
        with listening("0.0.0.0") as listener:
            racing = race(hand, "host.test", listener.getsockname()[1], 30, URL)
            hand.advance(0.25)
            assert len(hand.writers) == 2
            second, first = list(hand.writers)
            poll = select.poll()
            for one in (first, second):
                poll.register(one.fileno(), select.POLLOUT)
                assert poll.poll(1000)
            first.doWrite()
            second.doWrite()  # epoll has found them in one call
            (connected,) = self.connected(racing)
            assert connected is first.socket
            connected.close()

    @staticmethod
    def connected(racing: Deferred[socket.socket]) -> list[socket.socket]:
        found: list[socket.socket] = []
        racing.addCallback(found.append)
        return found

    def test_the_reactor_ends(self, hand: Hand) -> None:
        with black_hole("127.0.0.2") as port:
            racing = race(hand, "127.0.0.2", port, 30, URL)
            hand.stop()
        assert reason(racing) == (
            f"no connection to 127.0.0.2 port {port}: the reactor watches it no more (the end)"
        )

    def test_an_event_that_was_meant_for_another(self, hand: Hand) -> None:
        with black_hole("127.0.0.2") as port:
            racing = race(hand, "127.0.0.2", port, 30, URL)
            (attempt,) = hand.writers
            attempt.doWrite()
            attempt.doRead()
            assert hand.writers == {attempt}
            racing.cancel()
        assert isinstance(caught(racing), CancelledError)

    def test_a_port_that_meets_itself(self, hand: Hand) -> None:
        met = socket.socket()
        met.bind(("127.0.0.1", 0))
        met.connect(met.getsockname())
        with mock.patch("filebody.agent._attempt._connecting", return_value=met):
            racing = race(hand, "127.0.0.1", 1, 30, URL)
        hand.serve()
        assert reason(racing).startswith("connection refused: nothing listens on 127.0.0.1 port 1")

    def test_no_more_descriptors(self, hand: Hand) -> None:
        with no_more_descriptors():
            racing = race(hand, "127.0.0.1", 1, 30, URL)
        assert reason(racing).startswith("no connection to 127.0.0.1 port 1: this process has as")

    def test_no_more_descriptors_for_a_resolver(self, hand: Hand) -> None:
        with no_more_descriptors():
            racing = race(hand, "host.test", 1, 30, URL)
        assert reason(racing) == (
            "cannot look for the host host.test: this process has as many open files and sockets "
            "as it may: raise its limit (ulimit -n), or let fewer uploads run at once"
        )

    def test_an_address_that_is_refused_at_once(self, hand: Hand) -> None:
        error = reason(race(hand, "255.255.255.255", 1, 30, URL))
        assert error.startswith("no connection to 255.255.255.255 port 1: ")

    @pytest.mark.parametrize(
        ("number", "words"),
        [
            (23, "raise fs.file-max"),  # ENFILE
            (101, "network is unreachable"),  # ENETUNREACH
            (99, "the local address is not this machine's"),  # EADDRNOTAVAIL
        ],
    )
    def test_what_the_kernel_says(self, hand: Hand, number: int, words: str) -> None:
        with mock.patch("socket.socket", side_effect=OSError(number, "x")):
            racing = race(hand, "127.0.0.1", 1, 30, URL)
        assert words in reason(racing)

    def test_a_zone_that_is_no_interface(self, hand: Hand) -> None:
        there = "fe80::1%nowhere"
        reached = reason(race(hand, there, 1, 30, URL))
        assert reached == f"cannot connect to {there}: there is no such network interface"
        reached = reason(race(hand, "::1", 1, 30, URL, bind_address=there))
        assert "it is not an IP address of this machine" in reached

    def test_from_where_it_cannot(self, hand: Hand) -> None:
        def try_from(bind_address: str) -> str:
            return reason(race(hand, "127.0.0.1", 1, 30, URL, bind_address=bind_address))

        not_ours = "it is not an IP address of this machine"
        assert try_from("here") == f"cannot connect from here: {not_ours}"
        assert try_from("::1") == "no address of 127.0.0.1 can be reached from ::1"
        assert "the local address is not this machine's" in try_from("192.0.2.1")


class TestRealResolver(TestCase):
    async def test_localhost(self) -> None:
        with listening() as listener:
            port = listener.getsockname()[1]
            connected = await race(installed_reactor, "localhost", port, 30, URL)
            connected.close()

    async def test_a_name_that_cannot_be(self) -> None:
        with pytest.raises(ConnectError, match=r"there is no host nowhere\.invalid"):
            await race(installed_reactor, "nowhere.invalid", 1, 30, URL)

from __future__ import annotations

import socket
import threading

from filebody.receiver._tap import Tap

MIB = 1 << 20


class Dripped(Tap):
    """The client sends one byte whenever it is waited for."""

    client: socket.socket

    def _comes_in_a_moment(self) -> bool:
        self.client.sendall(b"x")
        return super()._comes_in_a_moment()


def test_a_client_that_was_fast_and_drips_does_not_hold_a_thread() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        tap = Dripped(ours, 2 * MIB)
        tap.client = theirs
        sending = threading.Thread(target=theirs.sendall, args=(bytes(MIB),))
        sending.start()
        poured = 0
        while poured < MIB:
            poured += tap.pour(lambda piece: None)
        sending.join()
        assert poured <= MIB + 1
        assert tap.left_bytes == 2 * MIB - poured
        tap.close()

from __future__ import annotations

import socket

from filebody.receiver._tap import Tap

MIB = 1 << 20
PIECE = bytes(1 << 16)


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
        taken = 0

        def take(piece: memoryview) -> None:
            nonlocal taken
            taken += len(piece)
            if taken < MIB:
                theirs.sendall(PIECE)

        theirs.sendall(PIECE)
        poured = tap.pour(take)
        assert poured == taken == MIB + 1, "it was waited for once"
        assert tap.left_bytes == 2 * MIB - poured
        tap.close()

"""Damaged heads by the thousand: each is answered, none raises, and the receiver lives on."""

from __future__ import annotations

import random
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.long import by_form
from tests.receiver.heads import UPLOAD_ID, damaged_head
from tests.receiver.process import ReceiverProcess
from tests.receiver.wire import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

# The last number takes 230,000 heads in all.
HEADS = by_form(quick=300, long=57_500)
CLIENTS = 4
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def answer_to(address: tuple[str, int], head: bytes) -> bytes:
    with socket.create_connection(address, TIMEOUT_SECONDS) as client:
        client.sendall(head)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while data := client.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"allow_origins": ["*"], "overwrite": True},
        {"token": "token"},
        {"public_url": "http://a/b"},
    ],
    ids=["plain", "any origin", "token", "public"],
)
def test_every_head_is_answered(tmp_path: Path, settings: dict[str, Any]) -> None:
    with ReceiverProcess(tmp_path, max_size=1000, **settings) as receiver:

        def run(number: int) -> None:
            choice = random.Random(f"{settings} {number}")
            for count in range(HEADS // CLIENTS):
                # Uploads of its own: who asks for another one's ends the request under way.
                head = damaged_head(choice).replace(UPLOAD_ID, b"%d" % number * len(UPLOAD_ID))
                answer = answer_to(receiver.address, head)
                statuses = [int(status) for status in _STATUS.findall(answer)]
                assert statuses, (count, head, answer)
                assert 500 not in statuses, (count, head, answer)

        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(run, range(CLIENTS)))
        assert "Traceback" not in receiver.log
        assert "Unhandled" not in receiver.log

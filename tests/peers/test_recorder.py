from __future__ import annotations

import socket
import threading

from tests.peers.ports import free_port
from tests.peers.recorder import Recorder


def test_it_counts_what_is_sent_and_what_was_confirmed_before() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        with (
            Recorder(("127.0.0.1", port)) as recorder,
            socket.create_connection(("127.0.0.1", recorder.port), 20) as client,
        ):
            near, _ = server.accept()
            with near:
                near.settimeout(20)
                client.sendall(b"HEAD /u HTTP/1.1\r\nHost: h\r\n\r\n")
                assert near.recv(1 << 16)
                # In two pieces.
                near.sendall(b"HTTP/1.1 200 OK\r\nUpload-Off")
                assert client.recv(1 << 16)
                near.sendall(b"set: 7\r\n\r\n")
                assert client.recv(1 << 16)
                head = b"PATCH /u HTTP/1.1\r\nupload-offset: 4\r\nContent-Length: 10\r\n\r\n"
                client.sendall(head + b"0123")
                assert near.recv(1 << 16)
                client.sendall(b"45")
                assert recorder.wait_until(lambda: recorder.sent_bytes == 6)
    assert [request.method for request in recorder.requests] == ["HEAD", "PATCH"]
    assert recorder.requests[1].offset == 4
    assert recorder.confirmed == 7
    assert recorder.repeated_bytes == 3


def test_a_server_that_is_not_there() -> None:
    with (
        Recorder(("127.0.0.1", free_port())) as recorder,
        socket.create_connection(("127.0.0.1", recorder.port), 20) as client,
    ):
        assert client.recv(1) == b""
    assert not [thread for thread in threading.enumerate() if thread.name == "recorder"]

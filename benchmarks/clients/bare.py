"""No client at all: a blocking loop that reads into one buffer and sends it; over TLS by `ssl`."""

from __future__ import annotations

import os
import socket
import ssl
from urllib.parse import urlsplit

from benchmarks.clients import threads
from benchmarks.clients.job import Figures, Job
from benchmarks.clients.threads import Send

_BUFFER_BYTES = 1 << 19


def _make(job: Job) -> Send:
    where = urlsplit(job.url)
    host, port = where.hostname or "", where.port or 0
    tls = None if job.authority is None else ssl.create_default_context(cafile=job.authority)
    buffer = memoryview(bytearray(_BUFFER_BYTES))

    def send(path: str) -> tuple[int, bytes]:
        connection = socket.create_connection((host, port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_hostname=host)
        with connection, open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            head = f"PUT / HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {size}\r\n\r\n"
            connection.sendall(head.encode())
            while count := file.readinto(buffer):
                connection.sendall(buffer[:count])
            answer = connection.recv(1 << 12)
        return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]

    return send


def run(job: Job) -> Figures:
    """Do the job."""
    return threads.run(job, _make)

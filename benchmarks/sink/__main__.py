"""A server in a process of its own, on one core.

    python -m benchmarks.sink {discard,verify,stall,store,held} CORE [--hold N] [--tls CERTIFICATE]

`discard` lets the kernel throw the bodies away and answers 200 with an empty body; `verify` hashes
them and answers with the digest; `stall` reads the heads and then nothing more, ever. `store` is
filebody's receiver; `held` is one behind a relay that holds each connection to 50 MB/s and
prints first, when it ends, how many bytes clients have sent. With `--hold` no body is read before
so many have begun. With `--tls` it can only discard.

It prints its port, serves 127.0.0.1 until its standard input ends, and then prints how many seconds
of CPU time it took: a sink that was busy all the time has measured itself.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import time
from pathlib import Path

from benchmarks.sink import held, plain, store, tls

_BACKLOG = 16384  # the kernel lowers it to net.core.somaxconn


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.sink")
    parser.add_argument("mode", choices=["discard", "verify", "stall", "store", "held"])
    parser.add_argument("core", type=int)
    parser.add_argument("--hold", type=int, default=0)
    parser.add_argument("--tls", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.mode == "store":
        store.serve()
        return
    with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as listener:
        print(listener.getsockname()[1], flush=True)
        before = time.process_time()
        if options.mode == "held":
            print(held.serve(listener, options.core), flush=True)
            return
        if options.tls is not None:
            tls.serve(listener, options.tls)
        else:
            plain.serve(listener, options.mode, options.hold)
        print(time.process_time() - before, flush=True)


if __name__ == "__main__":
    main()

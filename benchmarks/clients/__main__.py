"""One measurement of one client, in a process of its own, on one core.

    python -m benchmarks.clients NAME CORE <JOB

The job comes as JSON by standard input; the figures go as JSON to standard output.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
import traceback

from benchmarks.clients.job import Job


def main() -> None:
    name, core = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    job = Job.from_json(sys.stdin.read())
    client = importlib.import_module(f"benchmarks.clients.{name}")
    status = 1
    if not job.collects:
        gc.disable()
    try:
        print(json.dumps(client.run(job)), flush=True)
        status = 0
    except Exception:  # noqa: BLE001 - it is shown
        traceback.print_exc()
    finally:
        # What is open does not matter any more, and closing it may take long.
        os._exit(status)


if __name__ == "__main__":
    main()

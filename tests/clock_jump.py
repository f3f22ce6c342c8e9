"""A reactor whose wall clock is set to another time while calls are pending; run by test_clock.

    python -m tests.clock_jump SECONDS program|library

Writes the time at which each call came as JSON.
"""

import json
import sys
import time

now = time.time
shift = [0.0]
time.time = lambda: now() + shift[0]


def main(jump: float, owner: str) -> None:
    from twisted.internet import reactor

    from filebody.clock import monotonic, use_monotonic_clock

    if owner == "program":
        use_monotonic_clock(reactor)
    clock = monotonic(reactor)
    told: dict[str, object] = {}
    begun = time.monotonic()

    def set_clock() -> None:
        shift[0] = jump
        told["seconds"] = clock.seconds() - started

    def came(name: str) -> None:
        told[name] = time.monotonic() - begun
        if len(told) == 4:
            reactor.stop()

    started = clock.seconds()
    clock.callLater(0.6, came, "early")
    clock.callLater(0.9, came, "late")
    clock.callLater(0.7, came, "cancelled").cancel()
    moved = clock.callLater(86400, came, "moved")
    reactor.callWhenRunning(set_clock)
    reactor.callWhenRunning(moved.reset, 1.2)
    reactor.run()
    sys.stdout.write(json.dumps(told))


main(float(sys.argv[1]), sys.argv[2])

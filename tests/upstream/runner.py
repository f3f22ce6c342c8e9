"""Runs a suite of another project with our class in the place of Twisted's.

    python -m tests.upstream.runner WORKING_DIRECTORY REPORT TEST...

The suite's modules take the class by name when they are imported, so the place is taken before
they are. What trial prints goes to standard output; numbers go to REPORT, as JSON.
"""

import functools
import json
import sys
from pathlib import Path
from typing import Any

import filebody


class Count:
    """Counts the instances of a class, which stays the same class."""

    def __init__(self, counted: Any) -> None:
        self.constructed = 0
        construct = counted.__init__

        @functools.wraps(construct)
        def counting(instance: object, *args: object, **kwargs: object) -> None:
            self.constructed += 1
            construct(instance, *args, **kwargs)

        counted.__init__ = counting


def take_the_place() -> Any:
    """Put our class where Twisted's is; return Twisted's."""
    import twisted.web.client

    early = [name for name in sys.modules if name.startswith(("treq", "twisted.web.test"))]
    if early:
        raise RuntimeError(f"imported before our class was in place: {early}")
    replaced = twisted.web.client.FileBodyProducer
    twisted.web.client.FileBodyProducer = filebody.FileBodyProducer  # type: ignore[assignment,misc]
    return replaced


def still_have(replaced: object) -> list[str]:
    """Return the modules that have Twisted's class all the same."""
    return [
        name
        for name, module in list(sys.modules.items())
        if any(value is replaced for value in vars(module).values())
    ]


def main() -> int:
    working_directory, report, *names = sys.argv[1:]
    replaced = take_the_place()
    count = Count(filebody.FileBodyProducer)

    from twisted.trial.reporter import TreeReporter
    from twisted.trial.runner import TestLoader, TrialRunner

    runner = TrialRunner(TreeReporter, workingDirectory=working_directory, stream=sys.stdout)
    result: Any = runner.run(TestLoader().loadByNames(names, recurse=True))
    facts = {
        "ran": result.testsRun,
        "passed": result.wasSuccessful(),
        "skipped": [[test.id(), str(reason)] for test, reason in result.skips],
        "expected_failures": [test.id() for test, *_ in result.expectedFailures],
        "constructed": count.constructed,
        "still_have_twisteds": still_have(replaced),
    }
    Path(report).write_text(json.dumps(facts))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

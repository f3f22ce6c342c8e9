"""Runs a suite of another project with our classes in the places of Twisted's.

    python -m tests.upstream.runner WORKING_DIRECTORY REPORT producer|agent TEST...

`producer` is for the body producer alone, `agent` for that and the agent. The suite's modules take
the classes by name when they are imported, so the places are taken before they are. What trial
prints goes to standard output; numbers go to REPORT, as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.upstream.places import still_have, take_the_places


def main() -> int:
    working_directory, report, place, *names = sys.argv[1:]
    replaced, count = take_the_places(agent=place == "agent")

    from twisted.trial.reporter import TreeReporter
    from twisted.trial.runner import TestLoader, TrialRunner

    runner = TrialRunner(TreeReporter, workingDirectory=working_directory, stream=sys.stdout)
    result: Any = runner.run(TestLoader().loadByNames(names, recurse=True))
    facts = {
        "ran": result.testsRun,
        "passed": result.wasSuccessful(),
        "failed": sorted({test.id() for test, *_ in (*result.failures, *result.errors)}),
        "skipped": [[test.id(), str(reason)] for test, reason in result.skips],
        "expected_failures": [test.id() for test, *_ in result.expectedFailures],
        "constructed": count.constructed,
        "still_have_twisteds": still_have(replaced),
    }
    Path(report).write_text(json.dumps(facts))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from tests.peers.child import ROOT
from tests.programs import require_module
from tests.upstream.suites import SUITES, Suite
from tests.upstream.summary import PROPERTY, Outcome

TIMEOUT_SECONDS = 240


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_their_suite_passes_with_our_class(
    suite: Suite, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if suite.wheel:
        require_module(suite.wheel, suite.wheel)
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.upstream.runner"),
            *(tmp_path / "trial", report, suite.place, *suite.tests),
        ],
        # Not ours to be measured, nor to be written into.
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_SECONDS,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout
    facts = json.loads(report.read_text())
    outcome = Outcome(
        suite=suite.name,
        ran=facts["ran"],
        skipped=len(facts["skipped"]),
        failed=len(facts["failed"]),
        place=suite.place,
        constructed=facts["constructed"],
        constructs=suite.constructs,
    )
    record_property(PROPERTY, attrs.asdict(outcome))
    # One that cannot pass and does is a mistake in the list, or the suite does not test our class.
    assert facts["failed"] == sorted(suite.cannot), done.stdout
    assert facts["passed"] == (done.returncode == 0) == (not suite.cannot), done.stdout
    assert facts["ran"] >= suite.at_least
    assert [skip for skip in facts["skipped"] if skip[1] not in suite.skips] == []
    assert facts["expected_failures"] == []
    assert facts["still_have_twisteds"] == []
    assert (facts["constructed"] > 0) == suite.constructs


def test_a_failure_of_theirs_is_a_failure_of_ours(tmp_path: Path) -> None:
    """The runner can fail: a test that is not there, and one that finds a class that is broken."""
    report = tmp_path / "report.json"
    broken = (
        "import filebody; filebody.FileBodyProducer.stopProducing = lambda self: None;"
        "import sys; from tests.upstream import runner; sys.exit(runner.main())"
    )
    agent_tests = "twisted.web.test.test_agent.FileBodyProducerTests"
    for program, tests in (
        (["-m", "tests.upstream.runner"], "twisted.web.test.no_such_module"),
        (["-c", broken], agent_tests),
    ):
        done = subprocess.run(
            [sys.executable, *program, tmp_path / "trial", report, "producer", tests],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert done.returncode == 1
        assert not json.loads(report.read_text())["passed"]

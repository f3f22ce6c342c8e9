"""Every case and every client once, with little to send: the benchmark must not rot unseen.

The quick form sends a file by every client; the long one plays the other cases too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.long import long, long_only
from tests.peers.child import ROOT
from tests.programs import require, require_program

pytestmark = [pytest.mark.peer, long]

TIMEOUT_SECONDS = 120
CLIENTS = ["filebody", "Twisted", "treq", "aiohttp", "httpx", "requests", "curl", "bare loop"]
OF_PRODUCER = ["producer-64", "producer-paused-path"]
OF_AGENT = ["burst", "paused", "many"]
RESUMABLE = ["resumable-tus", "resumable-ietf", "parallel", "resume"]
SLOW = ["slow", "producer-slow"]


def run(tmp_path: Path, *arguments: str) -> tuple[dict[str, Any], ET.Element]:
    require(len(os.sched_getaffinity(0)) > 1, "client and sink need a core each")
    report, drawing = tmp_path / "report.json", tmp_path / "chart.svg"
    command = [sys.executable, "-m", "benchmarks.run", "--small", "--rounds", "1"]
    command += ["--json", str(report), "--svg", str(drawing), *arguments]
    # The files that are sent are made in the working directory.
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text()), ET.parse(drawing).getroot()


def only(names: list[str]) -> list[str]:
    return [word for name in names for word in ("--only", name)]


@pytest.mark.parametrize("case", ["plain", pytest.param("tls", marks=long_only)])
def test_every_client_sends_a_file(case: str, tmp_path: Path) -> None:
    require_program("curl")
    report, drawing = run(tmp_path, "--only", case)
    [table] = report["cases"]
    assert table["failures"] == {}
    assert [contestant["name"] for contestant in table["contestants"]] == CLIENTS
    for contestant in table["contestants"]:
        assert contestant["figures"]["GB/s"]["median"] > 0
        assert contestant["figures"]["CPU s/GB"]["median"] > 0
    words = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert set(CLIENTS) < set(words)


@long_only
def test_every_other_case_works_with_ours(tmp_path: Path) -> None:
    names = [*OF_AGENT, *OF_PRODUCER]
    report, _ = run(tmp_path, *only(names), "--client", "filebody")
    assert [table["case"] for table in report["cases"]] == names
    assert all(table["contestants"] for table in report["cases"])


@long_only
def test_uploads_that_survive(tmp_path: Path) -> None:
    report, _ = run(tmp_path, *only(RESUMABLE))
    assert [table["case"] for table in report["cases"]] == RESUMABLE
    assert all(table["failures"] == {} for table in report["cases"])
    again = report["cases"][-1]["contestants"][0]["figures"]["sent again %"]
    # Half of so little may be in the kernel's buffers; the other half is not sent twice.
    assert 0 < again["median"] < 60


@long_only
def test_slow_file_systems(tmp_path: Path) -> None:
    require_program("fusermount3")
    report, _ = run(tmp_path, *only(SLOW), "--client", "filebody alone")
    slow, _ = report["cases"]
    assert [target["target"] for target in slow["targets"]] == [
        "GB/s >= 0.9 x filebody alone",
        "p99 gap ms < 5",
        "ended beside < 1",
    ]

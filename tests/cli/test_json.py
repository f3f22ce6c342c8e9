"""`--json`: every outcome is an object, with names that the reference lists."""

import re
from pathlib import Path

import pytest

from filebody.cli._exit import ExitCode, kind_of
from tests.cli.command import Outcome, python, receiving, run, run_here

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "command.md"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json"],
        ["nonsense", "--json"],
        ["send", "--json"],
        ["send", "--json", "file"],
        ["send", "file", "http://127.0.0.1:9/", "--json", "--no-such-option"],
        ["send", "--json", "file", "http://127.0.0.1:9/", "--max-time", "soon"],
        ["send", "--json", "file", "http://127.0.0.1:9/", "--max-time"],
        ["send", "--json", "file", "http://[x/"],
        ["send", "--json", "--retry", "-1", "file", "http://127.0.0.1:9/"],
        ["try", "--json"],
        ["receive", "--json"],
        ["receive", "--json", "inbox", "--host", "x"],
        ["uploads", "--json", "resume"],
        ["uploads", "resume", "--json"],
        ["uploads", "resume", "--json", "no-id"],
        ["uploads", "cancel", "--json", "no-id"],
    ],
)
def test_usage(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_usage(run_here(*arguments, cwd=tmp_path))


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_usage(run("receive", "--json", "file/below", cwd=tmp_path))


def check_usage(outcome: Outcome) -> None:
    [facts] = outcome.objects
    assert facts.pop("error")
    assert facts == {"event": "error", "error_kind": "usage", "exit_code": 2}
    assert outcome.code == 2


def test_behind_two_hyphens_it_is_a_file(tmp_path: Path) -> None:
    outcome = run_here("send", "--", "--json", cwd=tmp_path)
    assert (outcome.code, outcome.out) == (2, "")


def test_a_missing_package(tmp_path: Path) -> None:
    outcome = python(
        "import sys, importlib.util as util; find = util.find_spec; "
        "util.find_spec = lambda name: None if name == 'rich' else find(name); "
        "from filebody.cli import main; sys.exit(main(['send', '--json']))",
        cwd=tmp_path,
    )
    [facts] = outcome.objects
    assert "rich, which is not installed" in facts["error"]
    assert (facts["error_kind"], facts["exit_code"], outcome.code) == ("usage", 2, 2)


def test_every_name_and_kind_is_in_the_reference(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    listed = set(re.findall(r"`(\w+)`", REFERENCE.read_text()))
    with receiving(tmp_path / "inbox") as (_, url):
        printed = run("send", "--json", "file", "missing", url, cwd=tmp_path).objects
    assert {name for facts in printed for name in facts} <= listed
    assert {facts["event"] for facts in printed} <= listed
    kinds = {kind_of(code) for code in (*ExitCode, 130)} - {None}
    assert kinds <= listed

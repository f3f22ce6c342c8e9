"""The command as a whole: help, version, faults, and what happens without its extra."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from filebody.cli._commands import _filebody
from filebody.cli._exit import ExitCode
from tests.cli.command import no_traceback, python, run, run_here
from tests.cli.server import serving, take_all


def test_alone_it_prints_its_help(tmp_path: Path) -> None:
    outcome = run(cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == run_here("--help", cwd=tmp_path).out
    assert "Examples:" in outcome.out


def test_help(tmp_path: Path) -> None:
    outcome = run_here("--help", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    for word in ("send ", "receive ", "filebody try movie.mp4", "filebody send --help"):
        assert word in outcome.out


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_of_send(option: str, tmp_path: Path) -> None:
    outcome = run_here("send", option, cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    for code in ExitCode:
        assert re.search(rf"^ +{code.value} +\w", outcome.out, re.MULTILINE)
    for word in ("130", "143", "FILEBODY_TOKEN", "NO_COLOR", "--form file=@movie.mp4"):
        assert word in outcome.out
    headings = re.findall(r"^(\w.*):$", outcome.out, re.MULTILINE)
    assert headings == [
        "Examples",
        "What is sent",
        "Where to, and whom to trust",
        "Resuming after failures",
        "How fast, how long, how often",
        "What is shown",
    ]


@pytest.mark.parametrize("command", ["send", "receive", "try"])
def test_every_option_is_in_the_help_once(command: str, tmp_path: Path) -> None:
    shown = run_here(command, "--help", cwd=tmp_path).out
    listed = re.findall(r"^  (?:-\w, )?(--[\w-]+)", shown, re.MULTILINE)
    given = _filebody.get_command(click.Context(_filebody), command)
    context = click.Context(given)
    options = [
        next(word for word in parameter.opts if word.startswith("--"))
        for parameter in given.get_params(context)
        if isinstance(parameter, click.Option)
    ]
    assert sorted(listed) == sorted(options)


def test_help_of_receive(tmp_path: Path) -> None:
    outcome = run_here("receive", "--help", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    for word in ("--max-size", "--grace", "10MiB", "Exit codes:", "130", "FILEBODY_TOKEN"):
        assert word in outcome.out


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option: str, tmp_path: Path) -> None:
    outcome = run(option, cwd=tmp_path)
    assert outcome.code == 0
    assert outcome.out == f"filebody {importlib.metadata.version('filebody')}\n"


@pytest.mark.parametrize("module", ["click", "rich", "OpenSSL", "service_identity"])
def test_without_the_extra(module: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv = ['filebody', 'try', 'f'];"
        "from filebody.cli import main; sys.exit(main())"
    )
    outcome = python(code, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (2, "")
    assert module in outcome.error
    assert outcome.error.endswith("pip install 'filebody[cli]'")


FAULTY = """
import sys
from filebody.cli import _exchange, main

async def fault(self, *arguments):
    raise ZeroDivisionError("two\\nlines")

_exchange.Exchange._do = fault
sys.exit(main(sys.argv[1:]))
"""


def test_a_fault_of_ours(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    outcome = python(FAULTY, "try", "f", cwd=tmp_path)
    no_traceback(outcome.err)
    assert (outcome.code, outcome.out) == (70, "")
    for part in ("a fault in filebody", "ZeroDivisionError: two\\nlines", "--debug"):
        assert part in outcome.error


def test_a_fault_of_ours_to_be_reported(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    outcome = python(FAULTY, "try", "--debug", "f", cwd=tmp_path)
    assert outcome.code == 70
    assert "Traceback" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("filebody: a fault in filebody")


def test_the_installed_command(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("filebody")
    done = subprocess.run(
        [command, "--version"], cwd=tmp_path, capture_output=True, timeout=60, text=True
    )
    assert done.stdout.startswith("filebody ")


@pytest.mark.parametrize("arguments", [["--help"], ["send", "--help"], ["--version"]])
def test_what_sends_nothing_is_not_imported_for_help(arguments: list[str], tmp_path: Path) -> None:
    code = (
        f"import sys; from filebody.cli import main; main({arguments});"
        "heavy = {'twisted', 'ssl', 'rich', 'filebody.agent', 'filebody.body'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    outcome = python(code, cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")


def test_what_twisted_imports_for_others_is_not_imported_to_send(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    code = """
import sys
from filebody.cli import main
code = main(["send", "f", sys.argv[1]])
needless = {"OpenSSL", "cryptography", "http.client", "twisted.application", "rich"}
needless |= {"filebody.resumable._upload", "filebody.resumable._machine"}  # for large files
sys.exit(f"imported: {needless & set(sys.modules)}" if needless & set(sys.modules) else code)
"""
    with serving(take_all) as server:
        outcome = python(code, server.url, cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")


def test_what_was_spared_can_be_imported_afterwards(tmp_path: Path) -> None:
    code = (
        "from filebody.cli._imports import import_reactor; import_reactor();"
        "import OpenSSL.SSL, http.cookiejar; from twisted.internet import reactor, ssl;"
        "print(http.cookiejar.CookieJar.__name__, reactor.running)"
    )
    outcome = python(code, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (0, "CookieJar False\n")


def test_hardly_anything_is_imported_before_ctrl_c_is_taken_care_of(tmp_path: Path) -> None:
    # `signal` needs others, most of which pip's console script has imported by then.
    code = (
        "import sys, signal; before = set(sys.modules); import filebody.cli;"
        "print(*sorted(set(sys.modules) - before))"
    )
    outcome = python(code, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (0, "filebody filebody.cli\n")


@pytest.mark.parametrize("arguments", [["--help"], ["send", "--help"], ["--version"], ["-V"], []])
def test_an_output_that_takes_nothing(arguments: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "filebody", *arguments],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            text=True,
        )
    said = "filebody: cannot write to the standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, said)

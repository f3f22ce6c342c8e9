"""Manual pages are made from the help, are what `man` can show, and come with the wheel."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.command import run_here
from tests.docs.pages import ROOT
from tests.programs import require_program

COMMANDS = ("", "send", "receive", "try", "uploads", "uploads resume", "uploads cancel")
NAMES = ["-".join(["filebody", *command.split()]) + ".1" for command in COMMANDS]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("man")
    program = [sys.executable, str(ROOT / "tools" / "man_pages.py"), str(directory)]
    subprocess.run(program, check=True, timeout=60, stdout=subprocess.DEVNULL)
    return directory


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_the_help_is_in_the_page(command: str, pages: Path, tmp_path: Path) -> None:
    words = command.split()
    page = (pages / ("-".join(["filebody", *words]) + ".1")).read_text().replace("\\-", "-")
    printed = run_here(*words, "--help", cwd=tmp_path).out
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", printed, re.MULTILINE)
    assert options
    for option in options:
        assert f"{option}" in page, option
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SEE ALSO"):
        assert f"\n.SH {section}\n" in page


def test_there_is_a_page_for_each_command(pages: Path) -> None:
    assert sorted(path.name for path in pages.iterdir()) == sorted(NAMES)


@pytest.mark.peer
@pytest.mark.parametrize("name", NAMES)
def test_man_shows_it_without_a_warning(name: str, pages: Path) -> None:
    done = subprocess.run(
        [require_program("man"), "--warnings", "-l", pages / name],
        env={"LC_ALL": "C.UTF-8", "MANWIDTH": "80", "PATH": "/usr/bin:/bin", "MANPAGER": "cat"},
        capture_output=True,
        timeout=60,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "SYNOPSIS" in done.stdout


def test_a_wheel_has_them(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, timeout=60, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        found = [name for name in opened.namelist() if "/share/man/man1/" in name]
    assert sorted(name.rpartition("/")[2] for name in found) == sorted(NAMES)

"""The README says what is: its example is the file, its table the rows, its links resolve."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.docs.pages import DOCS, EXAMPLES, ROOT, blocks

README = ROOT / "README.md"


def test_the_example_is_the_file_that_is_run() -> None:
    assert blocks(README, "python") == [(EXAMPLES / "send_with_treq.py").read_text()]


def test_the_table_is_the_one_that_is_generated() -> None:
    generated = subprocess.run(
        [sys.executable, DOCS / "_ext" / "contract_table.py"],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=60,
    ).stdout
    assert generated.count("\n") == 2 + 19
    assert f"\n\n{generated}\n" in README.read_text(), (
        "put what docs/_ext/contract_table.py prints into the README"
    )


def test_relative_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text())
    assert links
    missing = [link for link in links if not (ROOT / link).exists()]
    assert missing == []


def test_it_fits_on_a_screen_or_two() -> None:
    lines = README.read_text().splitlines()
    assert len([line for line in lines if not line.startswith("|")]) < 100

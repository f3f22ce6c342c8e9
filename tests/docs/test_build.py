"""The pages build without a warning, offline, and have in them what is generated."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import filebody
import filebody.agent
import filebody.receiver
import filebody.testing
from filebody.produce._state import TABLE, Input, State
from tests.contract.rows import ROWS
from tests.docs.pages import DOCS

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("html")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", directory / "doctrees", DOCS, directory / "pages"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return directory / "pages"


def text_of(page: Path) -> str:
    """The page's text, without tags, and with every run of space as one."""
    without_tags = re.sub(r"<[^>]*>", "", page.read_text())
    return re.sub(r"\s+", " ", html.unescape(without_tags))


def plain(markdown: str) -> str:
    """A cell of a table as it is seen; quotation marks become typographic."""
    return markdown.replace("`", "").replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")


def test_every_row_of_the_contract_is_there(built: Path) -> None:
    text = text_of(built / "explanation" / "contract.html")
    for row in ROWS:
        assert plain(row.upstream) in text, row.number
        assert plain(row.ours) in text, row.number


def test_the_diagram_shows_every_state_and_every_change(built: Path) -> None:
    page = (built / "explanation" / "contract.html").read_text()
    match = re.search(r'<svg class="states".*?</svg>', page, re.DOTALL)
    assert match
    diagram = ET.fromstring(match[0])
    labels = [element.text or "" for element in diagram.iter(f"{SVG}text")]
    assert {state.name for state in State} <= set(labels)
    changing = {given for (state, given), then in TABLE.items() if then is not state}
    assert changing == set(Input)
    words = {word for label in labels for word in label.split(", ")}
    assert {given.value for given in changing} <= words
    [description] = [element.text or "" for element in diagram.iter(f"{SVG}desc")]
    for state in State:
        assert state.value in description
    arrows = [path for path in diagram.iter(f"{SVG}path") if path.get("marker-end")]
    assert len(arrows) == description.count(";") + 1


def test_every_public_name_is_in_the_reference(built: Path) -> None:
    pages = "".join(page.read_text() for page in (built / "reference").glob("*.html"))
    modules = (filebody, filebody.agent, filebody.receiver, filebody.testing)
    for module in modules:
        for name in module.__all__:
            # What two modules export is described once.
            ids = [f'id="{other.__name__}.{name}"' for other in modules if name in other.__all__]
            assert any(found in pages for found in ids), f"{module.__name__}.{name}"


def test_the_command_s_own_help_is_there(built: Path) -> None:
    text = text_of(built / "reference" / "command.html")
    for command in ("", "send", "receive", "try"):
        asked = [sys.executable, "-m", "filebody", *command.split(), "--help"]
        printed = subprocess.run(asked, stdout=subprocess.PIPE, check=True, text=True, timeout=60)
        for words in re.findall(r"^  (?:-\w, )?(--[\w-]+)", printed.stdout, re.MULTILINE):
            assert words in text
    assert "Exit codes" in text


def test_the_settings_show_their_defaults(built: Path) -> None:
    text = text_of(built / "reference" / "receiver.html")
    assert "max_connections: int = 1000" in text
    assert "attr_dict" not in text


def signatures(page: Path) -> list[str]:
    found = re.findall(r'<dt class="sig .*?</dt>', page.read_text(), re.DOTALL)
    return [re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", one))) for one in found]


def test_no_private_module_is_named(built: Path) -> None:
    for page in built.rglob("*.html"):
        named = re.findall(r"filebody(?:\.[a-z0-9]+)*\._\w+", page.read_text())
        assert named == [], page.name


def test_signatures_are_whole(built: Path) -> None:
    pages = list((built / "reference").glob("*.html"))
    found = [signature for page in pages for signature in signatures(page)]
    assert len(found) > 100
    for signature in found:
        # What stands in quotes is a default of type str.
        plain_signature = re.sub(r"'[^']*'", "''", signature).replace(">=", "")
        for opening, closing in ("()", "[]", "{}"):
            assert plain_signature.count(opening) == plain_signature.count(closing), signature
        assert not re.search(r"[<>~]|NOTHING|attr_dict|InterfaceClass", plain_signature), signature


def test_an_option_is_never_broken_in_two(built: Path) -> None:
    styles = (built / "_static" / "pages.css").read_text()
    assert re.search(r"code\.literal \.pre \{[^}]*white-space: nowrap", styles)
    page = (built / "howto" / "command.html").read_text()
    assert '<span class="pre">--no-resume</span>' in page


def test_the_errors_are_a_tree_of_links(built: Path) -> None:
    page = (built / "reference" / "errors.html").read_text()
    for name in filebody.errors.__all__:
        assert f'href="#filebody.{name}"' in page


def test_nothing_is_fetched_from_elsewhere(built: Path) -> None:
    for page in built.rglob("*.html"):
        fetched = re.findall(
            r'<(?:script|img|link)[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text()
        )
        assert fetched == [], page.name


def test_no_path_of_this_machine_is_shown(built: Path) -> None:
    for page in built.rglob("*.html"):
        assert str(DOCS.parent) not in page.read_text(), page.name

"""tus-js-client in Chromium, from a page of another origin."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.peers.browser import Browser
from tests.programs import require
from tests.receiver.process import ReceiverProcess
from tests.receiver.test_resuming_clients import NODE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 2_500_000


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    script = NODE / "node_modules" / "tus-js-client" / "dist" / "tus.min.js"
    require(script.is_file(), f"tus-js-client is not installed: npm ci --prefix {NODE}")
    pages = tmp_path / "pages"
    pages.mkdir()
    shutil.copy(script, pages / "tus.js")
    shutil.copy(NODE / "page.html", pages)
    with Browser(pages, tmp_path) as browser:
        yield browser


@pytest.mark.peer
@pytest.mark.parametrize("protocol", ["tus-v1", "ietf-draft-05"])
def test_a_page_uploads(tmp_path: Path, browser: Browser, protocol: str) -> None:
    allowed = [browser.origin]
    with ReceiverProcess(tmp_path, allow_origins=allowed, token="secret") as receiver:
        name = "" if protocol == "tus-v1" else "from-a-page.bin"
        asked = {
            "endpoint": receiver.url + name,
            "protocol": protocol,
            "token": "secret",
            "size": SIZE,
        }
        said = browser.load(f"page.html?{urlencode(asked)}")
        assert said == {"url": said.get("url"), "progress": SIZE}
        stored = (receiver.directory / "from-a-page.bin").read_bytes()
    assert stored == bytes((i * 7 + (i >> 8)) & 255 for i in range(SIZE))


@pytest.mark.peer
def test_a_page_that_may_not(tmp_path: Path, browser: Browser) -> None:
    with ReceiverProcess(tmp_path) as receiver:
        asked = {"endpoint": receiver.url, "protocol": "tus-v1", "token": "none", "size": 10}
        said = browser.load(f"page.html?{urlencode(asked)}")
        assert "error" in said
        assert receiver.files == {}

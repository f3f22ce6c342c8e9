"""tus-js-client in Chromium, from the receiver's own page and from one of another origin."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.peers.browser import Browser
from tests.peers.devtools import DevTools
from tests.programs import NODE, require_npm_package
from tests.receiver.process import ReceiverProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 2_500_000
CONTENT = bytes((i * 7 + (i >> 8)) & 255 for i in range(SIZE))


def tus_js_client() -> Path:
    return require_npm_package("tus-js-client") / "dist" / "tus.min.js"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    pages = tmp_path / "pages"
    pages.mkdir()
    shutil.copy(tus_js_client(), pages / "tus.js")
    for name in ("page.html", "page.js"):
        shutil.copy(NODE / name, pages)
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
    assert stored == CONTENT


@pytest.mark.peer
def test_the_receivers_own_page_uploads(tmp_path: Path) -> None:
    """From its listing, in which scripts are let run for once, to where it is."""
    client = tus_js_client().read_text()
    upload = (NODE / "page.js").read_text()
    with ReceiverProcess(tmp_path) as receiver, DevTools(tmp_path) as page:
        for protocol in ("tus-v1", "ietf-draft-05"):
            page.load(receiver.url)
            assert page.run("document.querySelector('h1').textContent") == "/"
            page.run(f"{client};0")
            name = f"{protocol}.bin"
            endpoint = receiver.url + (name if protocol != "tus-v1" else "")
            asked = {"endpoint": endpoint, "protocol": protocol, "size": SIZE}
            said = page.run(f"({upload})({json.dumps(asked)})")
            assert said == {"url": said.get("url"), "progress": SIZE}
            stored = receiver.events[-1]
            assert stored["sha256"] == hashlib.sha256(CONTENT).hexdigest()
            assert (receiver.directory / stored["name"]).read_bytes() == CONTENT
            page.load(receiver.url)
            assert stored["name"] in page.run("document.body.textContent")


@pytest.mark.peer
def test_a_page_that_may_not(tmp_path: Path, browser: Browser) -> None:
    with ReceiverProcess(tmp_path) as receiver:
        asked = {"endpoint": receiver.url, "protocol": "tus-v1", "token": "none", "size": 10}
        said = browser.load(f"page.html?{urlencode(asked)}")
        assert "error" in said
        assert receiver.files == {}

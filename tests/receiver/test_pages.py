from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.receiver._names import Target, fault_of, parse_target
from filebody.receiver._pages import Entry, listing, shown_size
from filebody.wire import printable

NAMES = st.text(min_size=1, max_size=60).filter(lambda name: fault_of(name) is None)


class Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets += [value for name, value in attrs if name == "href" and value]

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.lists(NAMES, max_size=3), NAMES)
def test_a_link_leads_to_the_file_whatever_its_name(directory: list[str], name: str) -> None:
    target = Target(tuple(directory), is_directory=True)
    links = Links(listing(target, [Entry(name, False, 1, 0)], more=False))
    base = "http://127.0.0.1:80" + target.url_path
    path = urljoin(base, links.targets[-1]).removeprefix("http://127.0.0.1:80")
    assert parse_target(path.encode()) == Target((*directory, name), is_directory=False)
    assert printable(name) in links.text
    assert "script" not in links.tags


def test_what_reorders_or_hides_text_is_escaped() -> None:
    entry = Entry("invoice\u202efdp.exe", False, 1, 0)
    page = listing(Target(("zero\u200bwidth",), True), [entry], more=False)
    assert r"invoice\u202efdp.exe" in Links(page).text
    assert r"zero\u200bwidth" in Links(page).text
    assert "\u202e" not in page


def test_markup_in_a_name_is_text() -> None:
    name = "<script>alert('x')</script>&amp;\""
    page = listing(Target((), True), [Entry(name, False, 1, 0)], more=False)
    assert Links(page).tags <= {
        *("html", "head", "meta", "title", "style", "body", "h1"),
        *("table", "thead", "tbody", "tr", "th", "td", "a"),
    }
    assert name in Links(page).text


def test_order_sizes_and_times() -> None:
    entries = [Entry("b", False, 12345, 0), Entry("a", False, 0, 86400), Entry("c", True, 9, 0)]
    page = listing(Target(("d",), True), entries, more=True)
    assert Links(page).targets == ["../", "./c/", "./a", "./b"]
    assert "12.3 kB" in page
    assert "1970-01-02 00:00:00" in page
    assert "Only 3 entries" in page


def test_empty() -> None:
    assert "Nothing has been stored" in listing(Target((), True), [], more=False)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_234_567_890, "1.2 GB"),
        (2**63, "9.2 EB"),
    ],
)
def test_size(size: int, shown: str) -> None:
    assert shown_size(size) == shown

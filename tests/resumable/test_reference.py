"""References to uploads: each leads back to the URL that it stands for."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest

from filebody.resumable._reference import path_reference, relative_reference


@pytest.mark.parametrize(
    ("base", "url", "reference"),
    [
        ("http://h/files/a", "http://h/files/.uploads/1", ".uploads/1"),
        ("http://h/files/", "http://h/files/1", "1"),
        ("http://h/files", "http://h/files/1", "files/1"),
        ("http://h", "http://h/1", "1"),
        ("http://h/a?b=/c/d", "http://h/1?x=/y", "1?x=/y"),
        ("http://h/files/a", "http://h/other/1", "/other/1"),
        ("http://h/files/a", "http://h/files/a:b", "/files/a:b"),
        ("http://h/files/a", "http://h/files//1", "/files//1"),
        ("http://h/files/a", "http://h/files/?1", "/files/?1"),
        ("http://h/a", "http://h:8080/1", "http://h:8080/1"),
        ("http://h/a", "https://h/1", "https://h/1"),
    ],
)
def test_the_shortest_that_leads_there(base: str, url: str, reference: str) -> None:
    assert relative_reference(base, url) == reference
    assert urljoin(base, reference) == url
    assert urljoin(base, path_reference(base, url)) == url

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from filebody.errors import UsageError
from filebody.receiver import ReceiverConfig
from filebody.receiver._config import is_loopback

HERE = Path()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"host": "localhost"},
        {"host": "127.1.2.3"},
        {"host": "::1"},
        {"host": "0.0.0.0", "token": "secret"},
        {"host": "::", "insecure": True},
        {"host": "192.0.2.1", "insecure": True},
        {"cert": "c.pem"},
        {"cert": "c.pem", "key": "k.pem"},
        {"max_size": 0},
        {"grace_seconds": 0},
    ],
)
def test_accepted(settings: dict[str, Any]) -> None:
    config = ReceiverConfig(directory=HERE, **settings)
    assert config.host != "localhost"


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"host": "0.0.0.0"}, "set a token, or insecure"),
        ({"host": "::"}, "set a token, or insecure"),
        ({"host": "192.0.2.1"}, "or listen on 127.0.0.1"),
        ({"host": "example.org"}, "is not an IP address: listen on 127.0.0.1"),
        ({"host": ""}, "is not an IP address"),
        ({"token": ""}, "visible ASCII"),
        ({"token": "two words"}, "visible ASCII"),
        ({"token": "line\nbreak"}, "visible ASCII"),
        ({"token": "é"}, "visible ASCII"),
        ({"key": "k.pem"}, "give cert as well"),
        ({"port": -1}, "0..65535"),
        ({"port": 65536}, "0..65535"),
        ({"max_size": -1}, "smallest is 0"),
        ({"idle_timeout_seconds": 0}, "more than 0"),
        ({"idle_timeout_seconds": float("nan")}, "more than 0"),
        ({"max_header_bytes": 100}, "1024"),
        ({"max_connections": 0}, "at least 1"),
        ({"grace_seconds": -1}, "0 or more"),
    ],
)
def test_refused_with_advice(settings: dict[str, Any], advice: str) -> None:
    with pytest.raises(UsageError, match=re.escape(advice)):
        ReceiverConfig(directory=HERE, **settings)


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(ReceiverConfig(directory=HERE, token="secret"))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        ("localhost.evil.example", False),
        ("notlocalhost", False),
        ("127.0.0.1.evil.example", False),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://files.example.org", "https://files.example.org/"),
        ("http://EXAMPLE.org:80/in", "http://example.org/in/"),
        ("https://[::1]:8443/a/b/", "https://[::1]:8443/a/b/"),
    ],
)
def test_public_url(url: str, expected: str) -> None:
    config = ReceiverConfig(directory=HERE, public_url=url)
    assert config.public_url == expected
    assert config.public_origin == expected[: expected.index("/", 8)]


@pytest.mark.parametrize(
    "url", ["", "files.example.org", "ftp://x/", "http://u:p@x/", "http://x/?a"]
)
def test_no_public_url(url: str) -> None:
    with pytest.raises(UsageError):
        ReceiverConfig(directory=HERE, public_url=url)

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.cli._targets import Target, parse_header, plan, split_arguments
from filebody.errors import UsageError


@pytest.mark.parametrize(
    ("text", "url", "host", "port"),
    [
        ("http://h", "http://h/", "h", 80),
        ("https://h/", "https://h/", "h", 443),
        ("HTTP://H:81/x", "http://h:81/x", "h", 81),
        ("http://[::1]:80/x", "http://[::1]:80/x", "::1", 80),
        ("http://[::1]/x", "http://[::1]/x", "::1", 80),
        ("http://münchen.example/", "http://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example", 80),
        ("http://h/ü/%41%2f?a=b&c=ü#part", "http://h/%C3%BC/%41%2f?a=b&c=%C3%BC", "h", 80),
        ("http://h/100%", "http://h/100%25", "h", 80),
        ("http://h/%zz", "http://h/%25zz", "h", 80),
    ],
)
def test_url(text: str, url: str, host: str, port: int) -> None:
    target = Target.parse(text)
    assert (target.url, target.host, target.port) == (url, host, port)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://", "needs a host"),
        ("http:///x", "needs a host"),
        ("http://h:0/", "needs a host"),
        ("http://h:99999/", "is not a URL"),
        ("http://h:x/", "is not a URL"),
        ("http://[::1/", "is not a URL"),
        ("http://a..b/", "no such host"),
        ("http://h/a b", "write %20"),
        ("http://h/a\nb", "write %20"),
        ("http://user:secret@h/", "use --token"),
    ],
)
def test_no_url(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Target.parse(text)


@given(st.binary(min_size=1).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_name_in_url(name: bytes) -> None:
    url = Target.parse("http://h/up/?x").below(os.fsdecode(name)).url
    path = url.removeprefix("http://h/up/").removesuffix("?x")
    assert unquote_to_bytes(path) == name
    assert path.isascii()
    assert not set(path) & set("/?# %") - {"%"}


@pytest.mark.parametrize(
    ("arguments", "sources", "url"),
    [
        (["a"], ["a"], None),
        (["a", "b"], ["a", "b"], None),
        (["-"], ["-"], None),
        (["a", "http://h/x"], ["a"], "http://h/x"),
        (["a", "-", "HTTPS://h/x/"], ["a", "-"], "https://h/x/"),
    ],
)
def test_split(arguments: list[str], sources: list[str], url: str | None) -> None:
    given_sources, target = split_arguments(arguments)
    assert given_sources == sources
    assert (target.url if target else None) == url


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http://h/"], "nothing to send"),
        (["http://h/", "a"], "the URL goes last"),
        (["a", "ftp://h/"], "not ftp://"),
        (["a", "s3://bucket/key"], "not s3://"),
        (["a", "localhost:8080"], "write http://localhost:8080"),
        (["a", "host.example:80/up/"], "write http://host.example:80/up/"),
    ],
)
def test_no_split(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        split_arguments(arguments)


def test_file_with_a_name_like_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log:80").touch()
    assert split_arguments(["log:80"]) == (["log:80"], None)


@pytest.mark.parametrize(
    ("arguments", "url", "name", "urls"),
    [
        (["d/a b"], "http://h/x/", None, ["http://h/x/a%20b"]),
        (["a"], "http://h/x", None, ["http://h/x"]),
        (["a", "d/b/"], "http://h", None, ["http://h/a", "http://h/b"]),
        (["-"], "http://h/x", None, ["http://h/x"]),
        (["-"], "http://h/", "n", ["http://h/n"]),
        (["a"], "http://h/?q", "n#1", ["http://h/n%231?q"]),
    ],
)
def test_plan(arguments: list[str], url: str, name: str | None, urls: list[str]) -> None:
    planned = plan(arguments, Target.parse(url), name)
    assert [target.url for _, target in planned] == urls


@pytest.mark.parametrize(
    ("arguments", "url", "name", "words"),
    [
        (["a", "b"], "http://h/x", None, "end the URL with /"),
        (["-"], "http://h/", None, "add --name"),
        (["-", "-"], "http://h/", None, "only once"),
        (["a", "d/a"], "http://h/", None, "^a and d/a would both be sent as a:"),
        (["a", "b"], "http://h/", "n", "--name is for one file"),
        (["a"], "http://h/x", "n", "has a name"),
        (["a"], "http://h/", "n/m", "not the name of a file"),
        (["a"], "http://h/", "..", "not the name of a file"),
        (["a"], "http://h/", "", "not the name of a file"),
    ],
)
def test_no_plan(arguments: list[str], url: str, name: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(arguments, Target.parse(url), name)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Name: value", ("Name", "value")),
        ("Name:value", ("Name", "value")),
        ("X-Empty:", ("X-Empty", "")),
        ("a: b: c\td ", ("a", "b: c\td")),
    ],
)
def test_header(text: str, field: tuple[str, str]) -> None:
    assert parse_header(text) == field


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Name", "not a header field"),
        (": value", "not a header field"),
        ("Na me: value", "not a header field"),
        ("Name : value", "not a header field"),
        ("Name: a\r\nB: c", "not a header field"),
        ("Name: a\nB: c", "not a header field"),
        ("Name: a\0", "not a header field"),
        ("Content-Length: 3", "Content-Length cannot be set"),
        ("transfer-encoding: chunked", "transfer-encoding cannot be set"),
    ],
)
def test_no_header(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_header(text)

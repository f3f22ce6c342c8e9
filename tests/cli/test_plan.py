from pathlib import Path

import pytest

from filebody.cli._form import Part
from filebody.cli._plan import name_sources, plan, split_arguments
from filebody.cli._targets import Target
from filebody.errors import UsageError


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
        (["http://h/", "a"], "the URL goes last"),
        (["a", "ftp://h/"], "not ftp://"),
        (["a", "s3://bucket/key"], "not s3://"),
        (["a", "localhost:8080"], "write http://localhost:8080"),
        (["a", "host.example:80/up/"], "write http://host.example:80/up/"),
        (["a", "http:/host/up/"], "write http://host/up/"),
        (["a", "HTTPS//host/up/"], "write https://host/up/"),
        (["a", "http;//host"], "write http://host"),
    ],
)
def test_no_split(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        split_arguments(arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http://h/"], "nothing to send to http://h/: name a file, or -"),
        ([], "nothing to send: name a file, or -"),
    ],
)
def test_nothing_to_send(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(arguments, [], None)


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
    target = Target.parse(url)
    sources = name_sources(arguments, target, name)
    assert [target.of(source.name).url for source in sources] == urls


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
        name_sources(arguments, Target.parse(url), name)


@pytest.mark.parametrize(
    ("arguments", "parts", "name", "words"),
    [
        (["f", "http://h/"], [Part("a", "b")], None, "write --form NAME=@f"),
        (["f"], [Part("a", "b")], None, "write --form NAME=@f"),
        ([], [Part("a", "b")], None, "--form needs a URL"),
        (["http://h/"], [Part("a", "b")], "x", "write ;filename=NAME"),
        (["http://h/"], [Part("a", "-", is_file=True)] * 2, None, "only once"),
    ],
)
def test_no_form(arguments: list[str], parts: list[Part], name: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(arguments, parts, name)


def test_a_form_goes_to_the_url_as_it_is() -> None:
    [source], target = plan(
        ["http://h/up/?x"], [Part("a", "-"), Part("b", "-", is_file=True)], None
    )
    assert target is not None
    assert target.of(source.name).url == "http://h/up/?x"
    assert source.reads_stdin

import os

import pytest

from filebody.cli._form import Part
from filebody.cli._plan import name_sources, plan, plan_trial, split_arguments
from filebody.cli._targets import Target
from filebody.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "sources", "url"),
    [
        (["a", "http://h/x"], ["a"], "http://h/x"),
        (["a", "-", "HTTPS://h/x/"], ["a", "-"], "https://h/x/"),
        (["http://h/x"], [], "http://h/x"),
    ],
)
def test_split(arguments: list[str], sources: list[str], url: str) -> None:
    given_sources, target = split_arguments(arguments)
    assert given_sources == sources
    assert target.url == url


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http://h/", "a"], "the URL goes last"),
        (["a", "http://h/", "http://g/"], "one URL only"),
        (["a", "", "http://h/"], "an argument is empty"),
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


def test_a_trial_names_its_files() -> None:
    assert [source.name for source in plan_trial(["d/a", "b"], None)] == ["a", "b"]
    assert [source.name for source in plan_trial(["-"], "n")] == ["n"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to try"),
        (["a", ""], "an argument is empty"),
        (["a", "http://h/"], "takes no URL"),
        (["-"], "add --name"),
    ],
)
def test_no_trial(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan_trial(arguments, None)


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
        (["a"], "http://h/", ".", "not the name of a file"),
    ],
)
def test_no_plan(arguments: list[str], url: str, name: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        name_sources(arguments, Target.parse(url), name)


@pytest.mark.parametrize(
    ("arguments", "parts", "name", "words"),
    [
        (["f", "http://h/"], [Part("a", "b")], None, "write --form NAME=@f"),
        ([os.devnull], [Part("a", "b")], None, f"write --form NAME=@{os.devnull}"),
        ([], [Part("a", "b")], None, "there is no URL"),
        (["f"], [Part("a", "b")], None, "f is no file, and no URL"),
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
    assert target.of(source.name).url == "http://h/up/?x"
    assert source.reads_stdin


def test_files_of_an_option_go_first() -> None:
    sources, target = plan(["b", "http://h/"], [], None, ["sub/c", "a"])
    assert [target.of(source.name).url for source in sources] == [
        "http://h/c",
        "http://h/a",
        "http://h/b",
    ]


def test_an_option_for_a_file_needs_a_url_too() -> None:
    with pytest.raises(UsageError, match="URL"):
        plan([], [], None, ["a"])
    with pytest.raises(UsageError, match="with --form"):
        plan(["http://h/"], [Part("a", "b")], None, ["c"])
    with pytest.raises(UsageError, match="an argument is empty"):
        plan(["http://h/"], [], None, [""])

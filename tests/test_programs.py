import pytest

from tests import programs


@pytest.mark.parametrize("ci", [False, True], ids=["newcomer", "ci"])
def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, ci: bool) -> None:
    monkeypatch.setenv("CI", "true" if ci else "")
    monkeypatch.setattr(programs, "_SEARCH_PATH", "/nowhere")
    outcome: type[BaseException] = pytest.fail.Exception if ci else pytest.skip.Exception
    with pytest.raises(outcome, match=r"nginx is not installed: it comes with .* nginx-light"):
        programs.require_program("nginx")
    with pytest.raises(outcome, match="pip install some-wheel"):
        programs.require_module("no_such_module", "some-wheel")
    with pytest.raises(outcome, match="because"):
        programs.require(0, "because")


def test_what_is_there_is_found() -> None:
    assert programs.require_program("coverage").endswith("/coverage")
    programs.require_module("pytest", "pytest")
    programs.require(1, "nothing is missing")

import os
from pathlib import Path

import pytest

from tests import programs


@pytest.mark.parametrize("ci", [False, True], ids=["newcomer", "ci"])
@pytest.mark.parametrize("hidden", [False, True], ids=["absent", "hidden"])
def test_missing_program_is_named(
    monkeypatch: pytest.MonkeyPatch, ci: bool, hidden: bool, tmp_path: Path
) -> None:
    monkeypatch.setenv("CI", "true" if ci else "")
    monkeypatch.setenv("FILEBODY_TEST_PEERS", "none" if hidden else "")
    if hidden:
        (tmp_path / "nginx").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome: type[BaseException] = pytest.fail.Exception if ci else pytest.skip.Exception
    with pytest.raises(outcome, match=r"nginx is not installed: it comes with .* nginx-light"):
        programs.require_program("nginx")
    with pytest.raises(outcome, match="pip install some-wheel"):
        programs.require_module("no_such_module", "some-wheel")
    with pytest.raises(outcome, match="because"):
        programs.require(0, "because")


def test_missing_npm_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CI", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FILEBODY_TEST_PEERS", "")
    with pytest.raises(pytest.skip.Exception, match=r"node is not installed"):
        programs.require_npm_package("some-package")
    (tmp_path / "node").touch(0o755)
    with pytest.raises(pytest.skip.Exception, match=r"some-package is not installed: npm ci"):
        programs.require_npm_package("some-package")


def test_present_program_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FILEBODY_TEST_PEERS", "")
    assert programs.require_program("coverage").endswith("/coverage")
    programs.require_module("pytest", "pytest")
    programs.require(1, "nothing is missing")
    for name in ("bin", "sbin"):
        (tmp_path / name).mkdir()
    server = tmp_path / "sbin" / "nginx"
    server.touch(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(["/nowhere", str(tmp_path / "bin")]))
    assert programs.require_program("nginx") == str(server)

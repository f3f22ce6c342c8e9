"""What the tests of bodies share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest


@pytest.fixture
def keep() -> Iterator[ExitStack]:
    """Closes at the test's end what was entered."""
    with ExitStack() as stack:
        yield stack

"""Tests that have a long form, which `make test-long` runs.

    pytestmark = long
    KILLS = by_form(quick=4, long=100)

The quick form covers each path of the code; the long one looks for what needs luck to be found.
"""

import os

import pytest

IS_LONG = os.environ.get("FILEBODY_TEST_LONG") == "1"

# Marks a test whose long form differs, so that `pytest -m long` finds it.
long = pytest.mark.long

# Marks one without a quick form.
long_only = pytest.mark.skipif(not IS_LONG, reason="it has a long form only: make test-long")


def by_form(quick: int, long: int) -> int:
    """Return the number for the form that runs."""
    return long if IS_LONG else quick

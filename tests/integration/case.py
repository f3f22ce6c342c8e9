"""A test case that ends when its sockets have."""

from pathlib import Path

import pytest
from twisted.trial.unittest import TestCase

from tests.integration.eventually import held_open, until


class UploadCase(TestCase):
    """Checks for every test that no descriptor of a file, pipe or socket is left over.

    An answer is there before the connection that brought it is gone; so the end of a test waits.
    """

    # Generous: the longest takes a few seconds.
    timeout = 120

    directory: Path

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path

    # Trial waits for what these give; unittest, from which they are typed, does not.

    async def setUp(self) -> None:  # type: ignore[override]
        self._held = held_open(self.directory)
        await self.begin()

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.end()
        await until(lambda: len(held_open(self.directory)) <= len(self._held))

    async def begin(self) -> None:
        """Prepare a test; for subclasses."""

    async def end(self) -> None:
        """Stop what `begin` started; for subclasses."""

"""One receiver for all tests that do not need settings of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.receiver.process import ReceiverProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(tmp_path) as process:
        yield process

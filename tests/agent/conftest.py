"""Reactors for the parts of the agent."""

from collections.abc import Iterator

import pytest

from tests.agent.driven import REACTORS, Driven


@pytest.fixture(params=list(REACTORS))
def driven(request: pytest.FixtureRequest) -> Iterator[Driven]:
    with Driven(request.param) as driven:
        yield driven

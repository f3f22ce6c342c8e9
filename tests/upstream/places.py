"""Our classes in the places of Twisted's, for suites that take those by name."""

from __future__ import annotations

import functools
import sys
from typing import Any

import twisted.web.client

import filebody


class Count:
    """Counts the instances of a class, which stays the same class."""

    def __init__(self, counted: Any) -> None:
        self.constructed = 0
        construct = counted.__init__

        @functools.wraps(construct)
        def counting(instance: object, *args: object, **kwargs: object) -> None:
            self.constructed += 1
            construct(instance, *args, **kwargs)

        counted.__init__ = counting


def take_the_places(*, agent: bool) -> tuple[dict[str, Any], Count]:
    """Put our classes where Twisted's are.

    Args:
        agent: Whether the agent's, too.

    Returns:
        Twisted's classes, and the count of instances of what was put there last.
    """
    early = [name for name in sys.modules if name.startswith(("treq", "twisted.web.test"))]
    if early:
        raise RuntimeError(f"imported before our class was in place: {early}")
    ours: dict[str, Any] = {"FileBodyProducer": filebody.FileBodyProducer}
    count = Count(filebody.FileBodyProducer)
    if agent:
        from filebody.agent import UploadAgent
        from tests.upstream.agent import Agent

        ours["Agent"] = Agent
        count = Count(UploadAgent)
    replaced = {name: getattr(twisted.web.client, name) for name in ours}
    for name, our in ours.items():
        setattr(twisted.web.client, name, our)
    return replaced, count


def still_have(replaced: dict[str, Any]) -> list[str]:
    """Return the modules that have one of Twisted's classes all the same."""
    return [
        name
        for name, module in list(sys.modules.items())
        # The places themselves know both.
        if not name.startswith("tests.upstream.")
        and any(value is one for value in vars(module).values() for one in replaced.values())
    ]

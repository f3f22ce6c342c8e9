"""Which suites of others are run, and what is expected of them."""

import importlib.util
import pkgutil
from collections.abc import Mapping
from typing import Literal

import attrs


@attrs.frozen
class Suite:
    """A suite of another project, as its wheel ships it.

    Attributes:
        name: How it is called in the summary.
        tests: Names for trial's loader.
        at_least: How many tests it has in the oldest version that we support. Fewer have run: the
            loader did not find them.
        constructs: Whether it makes body producers. A suite that does and made none of ours has
            tested another class.
        skips: Reasons for which its tests may skip.
        cannot: Tests that must fail by the nature of what was replaced, each with the reason.
        wheel: What it needs beside Twisted and treq, if anything.
        place: Whose place we take: "producer", or "agent" for the agent's as well.
    """

    name: str
    tests: tuple[str, ...]
    at_least: int
    constructs: bool = True
    skips: tuple[str, ...] = ()
    cannot: Mapping[str, str] = {}
    wheel: str | None = None
    place: Literal["producer", "agent"] = "producer"


def _treq_modules() -> tuple[str, ...]:
    """Return the names of treq's test modules, without importing them."""
    package = importlib.util.find_spec("treq.test")
    assert package is not None
    assert package.submodule_search_locations is not None
    return tuple(
        sorted(
            module.name
            for module in pkgutil.iter_modules(package.submodule_search_locations, "treq.test.")
            if module.name.startswith("treq.test.test_")
        )
    )


# These start an httpbin server, in a process of its own.
_WITH_HTTPBIN = ("treq.test.test_treq_integration", "treq.test.local_httpbin")

_TREQ = tuple(name for name in _treq_modules() if name not in _WITH_HTTPBIN)

# An HTTPConnectionPool is Twisted's, and says to its Agent what it was asked for: ours has its own.
_WITHOUT_TWISTEDS_POOL = {
    f"treq.test.test_api.TreqAPITests.{name}": f"the test looks into {what} of Twisted's"
    for name, what in {
        "test_cached_pool": "the global pool",
        "test_custom_pool": "a pool",
        "test_default_pool": "the global pool",
    }.items()
}

SUITES = (
    Suite(
        "twisted test_agent.FileBodyProducerTests",
        ("twisted.web.test.test_agent.FileBodyProducerTests",),
        at_least=12,
    ),
    Suite("twisted test_cgi", ("twisted.web.test.test_cgi",), at_least=16),
    Suite("twisted test_xmlrpc", ("twisted.web.test.test_xmlrpc",), at_least=66),
    # Makes producers of its own kinds only; it is here for the request and transport code below.
    Suite(
        "twisted test_newclient",
        ("twisted.web.test.test_newclient",),
        at_least=138,
        constructs=False,
    ),
    Suite("treq", _TREQ, at_least=150),
    Suite("treq against httpbin", _WITH_HTTPBIN, at_least=50, wheel="httpbin"),
    Suite("treq on our agent", _TREQ, at_least=150, place="agent", cannot=_WITHOUT_TWISTEDS_POOL),
    Suite(
        "treq on our agent against httpbin",
        _WITH_HTTPBIN,
        at_least=50,
        wheel="httpbin",
        place="agent",
    ),
)

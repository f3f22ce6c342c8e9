"""Which suites of others are run, and what is expected of them."""

import importlib.util
import pkgutil

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
        wheel: What it needs beside Twisted and treq, if anything.
    """

    name: str
    tests: tuple[str, ...]
    at_least: int
    constructs: bool = True
    skips: tuple[str, ...] = ()
    wheel: str | None = None


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
    Suite(
        "treq",
        tuple(name for name in _treq_modules() if name not in _WITH_HTTPBIN),
        at_least=150,
    ),
    Suite("treq against httpbin", _WITH_HTTPBIN, at_least=50, wheel="httpbin"),
)

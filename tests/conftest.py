"""Peers that are worth starting once for all tests."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.long import by_form
from tests.peers.certificates import Certificates
from tests.peers.nginx import Nginx
from tests.peers.stores import Stores
from tests.peers.twisted_web import TwistedWeb
from tests.summary import Note, noting, print_notes, print_skipped
from tests.upstream.summary import print_outcomes


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx"), certificates) as server:
        yield server


@pytest.fixture(scope="session")
def twisted_web(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[TwistedWeb]:
    with TwistedWeb(tmp_path_factory.mktemp("twisted-web"), certificates) as server:
        yield server


@pytest.fixture(scope="session")
def stores(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[Stores]:
    with Stores(tmp_path_factory.mktemp("stores"), certificates) as started:
        yield started


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """A function that shows a line under a title at the end of the output."""
    return noting(request)


@pytest.fixture(scope="session", autouse=True)
def _children_have_default_signals() -> None:
    """Keep children from inheriting that signals are ignored, as under nohup.

    A handler that does nothing ignores them here all the same, and no child inherits it.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


# Machines that are busy are no faults: neither slow examples nor slow generation.
settings.register_profile(
    "tests",
    deadline=None,
    max_examples=by_form(quick=100, long=2000),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    print_notes(terminalreporter)
    print_outcomes(terminalreporter)
    print_skipped(terminalreporter)

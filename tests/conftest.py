"""Peers that are worth starting once for all tests."""

from collections.abc import Iterator

import pytest

from tests.peers.certificates import Certificates
from tests.peers.nginx import Nginx
from tests.peers.stores import Stores
from tests.peers.twisted_web import TwistedWeb
from tests.summary import print_notes
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


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    print_notes(terminalreporter, config)
    print_outcomes(terminalreporter, config)

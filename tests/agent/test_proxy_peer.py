"""Uploads by the agent through tinyproxy."""

from __future__ import annotations

import contextlib

import pytest

from filebody import Body, IterableBody, PathBody, ProxyError
from filebody.agent import Proxies
from tests.agent.sending import SendCase
from tests.peers import content
from tests.peers.ports import free_port
from tests.peers.stores import LIMIT_BYTES, Content, Store, Stores
from tests.peers.tinyproxy import Tinyproxy

pytestmark = pytest.mark.peer

SIZE = 3_000_001
BOTH_WAYS = (False, True)


class ProxyCase(SendCase):
    __test__ = False

    store: Store
    limited: Store

    @pytest.fixture(autouse=True)
    def _stores(self, stores: Stores) -> None:
        self.store = stores.get("nginx")
        self.limited = stores.get("nginx", is_limited=True)

    async def begin(self) -> None:
        await super().begin()
        self._stack = contextlib.ExitStack()

    async def end(self) -> None:
        await super().end()
        self._stack.close()

    def start_proxy(self, login: tuple[str, str] | None = None) -> Tinyproxy:
        directory = self.directory / "proxy"
        directory.mkdir()
        return self._stack.enter_context(Tinyproxy(directory, login=login))

    async def use(self, proxy: Proxies | str) -> None:
        self.agent.close()
        self.agent = self.make_agent(proxy)

    async def upload(self, *, tls: bool, body: Body | None = None) -> None:
        path = content.write_file(self.directory / "source", 7, SIZE)
        answer = await self.put(self.store.url("upload", tls=tls), body or PathBody(path))
        assert answer.status == 201, answer
        assert self.store.look("upload", b"") == Content(SIZE, content.sha256_of(7, SIZE))


class TestProxy(ProxyCase):
    __test__ = True

    async def test_uploads(self) -> None:
        proxy = self.start_proxy()
        await self.use(proxy.url)
        for tls in BOTH_WAYS:
            for _ in range(2):
                await self.upload(tls=tls)
            await self.upload(tls=tls, body=IterableBody(content.pieces(7, SIZE)))
        # A tunnel is kept like any other connection.
        assert self.heard.reused == [False, True, True] * 2
        assert proxy.tunnels == 2

    async def test_refused_by_the_server(self) -> None:
        proxy = self.start_proxy()
        await self.use(proxy.url)
        body = IterableBody([bytes(LIMIT_BYTES)] * 64)
        for tls in BOTH_WAYS:
            answer = await self.put(self.limited.url("large", tls=tls), body)
            assert answer.status == 413
            assert len(answer.content) == answer.length > 0

    async def test_with_a_login(self) -> None:
        proxy = self.start_proxy(login=("me", "s3cret"))
        await self.use(proxy.url.replace("//", "//me:s3cret@"))
        for tls in BOTH_WAYS:
            await self.upload(tls=tls)

    async def test_with_a_wrong_login(self) -> None:
        proxy = self.start_proxy(login=("me", "s3cret"))
        # tinyproxy answers a wrong one as a server would, and not with 407.
        for login, status in (("", 407), ("me:wrong@", 401)):
            await self.use(proxy.url.replace("//", f"//{login}"))
            for tls in BOTH_WAYS:
                with pytest.raises(ProxyError) as raised:
                    await self.upload(tls=tls)
                assert raised.value.status == status
                assert "s3cret" not in str(raised.value)
                assert "wrong" not in str(raised.value)

    async def test_without_a_proxy_there(self) -> None:
        await self.use(f"http://127.0.0.1:{free_port()}")
        for tls in BOTH_WAYS:
            with pytest.raises(ProxyError) as raised:
                await self.upload(tls=tls)
            assert raised.value.status is None

    async def test_without_a_server_behind_it(self) -> None:
        await self.use(self.start_proxy().url)
        with pytest.raises(ProxyError) as raised:
            await self.put(f"https://127.0.0.1:{free_port()}/", None)
        assert raised.value.status == 500


class TestEnvironment(ProxyCase):
    __test__ = True

    monkeypatch: pytest.MonkeyPatch

    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            for spelling in (name, name.upper()):
                monkeypatch.delenv(spelling, raising=False)
        self.monkeypatch = monkeypatch

    async def test_it_names_a_proxy(self) -> None:
        proxy = self.start_proxy()
        self.monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        await self.use(Proxies.from_environment())
        await self.upload(tls=True)
        assert proxy.tunnels == 1
        await self.upload(tls=False)
        assert proxy.tunnels == 1

    async def test_it_names_hosts_without_a_proxy(self) -> None:
        proxy = self.start_proxy()
        self.monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        self.monkeypatch.setenv("NO_PROXY", "elsewhere.example,localhost")
        await self.use(Proxies.from_environment())
        await self.upload(tls=True)
        assert proxy.tunnels == 0

"""What a server offers is asked for once, and need not be asked again."""

from __future__ import annotations

from filebody.body import BytesBody
from filebody.errors import ConnectError
from filebody.resumable import Offer, Protocol, discover
from filebody.wire import UploadLimits
from tests.peers.resumable import Fault
from tests.resumable.test_driver import SIZE, Scripted


class TestDiscover(Scripted):
    async def test_both(self) -> None:
        server = self.serve("tus", "ietf", limits="max-size=9000000")
        offer = await discover(self.agent, server.url + "/a")
        assert offer.tus
        assert "concatenation" in offer.extensions
        assert offer.ietf
        assert offer.interop_version == 10
        assert offer.limits == UploadLimits(max_size=9_000_000)
        assert [request.method for request in server.requests] == ["OPTIONS"]

    async def test_nothing(self) -> None:
        server = self.serve()
        assert await discover(self.agent, server.url + "/a") == Offer()

    async def test_a_failure_of_the_server_is_no_offer(self) -> None:
        server = self.serve("tus")
        server.faults = [Fault(method="OPTIONS", status=503)]
        assert await discover(self.agent, server.url + "/a") == Offer()
        assert len(server.requests) == 1

    async def test_nobody_there(self) -> None:
        try:
            await discover(self.agent, "http://127.0.0.1:9/")
        except ConnectError:
            return
        raise AssertionError("it did not fail")

    async def test_is_not_asked_again(self) -> None:
        server = self.serve("tus", "ietf")
        url = server.url + "/a"
        for parallel, protocol in ((1, Protocol.IETF), (2, Protocol.TUS)):
            offer = await discover(self.agent, url)
            server.requests.clear()
            body = BytesBody(bytes(SIZE))
            outcome = await self.upload(url, body, offer=offer, parallel=parallel)
            assert outcome.protocol is protocol
            assert server.counted("OPTIONS") == []
            assert list(server.targets.values()) == [bytes(SIZE)]
            server.targets.clear()

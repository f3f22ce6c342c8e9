"""The answer to the request that joins parts is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filebody.errors import RemoteError
from filebody.resumable import upload
from tests.peers.resumable import Fault, ResumableServer
from tests.resumable.case import content_of
from tests.resumable.test_driver import Scripted

if TYPE_CHECKING:
    from filebody.progress import Progress
    from filebody.resumable import Outcome

CONTENT = content_of(3_000_000)
LOST = Fault(method="POST")


class TestLostJoin(Scripted):
    async def join(self, server: ResumableServer, *faults: Fault) -> Outcome:
        waiting = list(faults)

        def progressed(progress: Progress) -> None:
            # From here on the only POST is the one that joins.
            if progress.confirmed_bytes == len(CONTENT):
                server.faults += waiting
                waiting.clear()

        path = self.make_file(CONTENT)
        url = server.url + "/f"
        return await upload(self.agent, url, path, parallel=2, on_progress=progressed)

    async def refused(self, *faults: Fault) -> str:
        with pytest.raises(RemoteError) as caught:
            await self.join(self.serve("tus"), *faults)
        assert caught.value.status == 404
        return str(caught.value)

    async def test_it_is_asked_for_again(self) -> None:
        server = self.serve("tus")
        outcome = await self.join(server, LOST)
        assert outcome.upload_url is not None
        assert server.targets[outcome.upload_url.removeprefix(server.url)] == CONTENT

    async def test_a_server_that_has_removed_the_parts(self) -> None:
        gone = Fault(method="POST", status=404, is_effective=False)
        said = await self.refused(LOST, gone)
        assert said.endswith("the parts may be joined, look before sending again")
        # There is nothing to look for where nothing was lost.
        assert "look" not in await self.refused(gone)

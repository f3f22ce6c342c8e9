"""Forms and coded bodies, sent to servers and taken apart by parsers that we did not write."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from twisted.web.http_headers import Headers

from filebody import (
    Body,
    BytesBody,
    EncodedBody,
    FormField,
    IterableBody,
    MultipartBody,
    PathBody,
)
from tests.agent.sending import SendCase
from tests.peers import content
from tests.peers.forms import FormServer
from tests.peers.nginx import Nginx

SIZE = 3 * 2**20 + 17
ODD = 'a "quoted"\r\nGröße €.bin'


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FormServer]:
    with FormServer(tmp_path_factory.mktemp("forms")) as server:
        yield server


def facts_of(
    name: str, value: bytes, filename: str | None = None, content_type: str | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "filename": filename,
        "content_type": content_type,
        "length": len(value),
        "sha256": hashlib.sha256(value).hexdigest(),
    }


class _Form(SendCase):
    __test__ = False

    parser: ClassVar[str]
    forms: FormServer

    @pytest.fixture(autouse=True)
    def _forms(self, forms: FormServer) -> None:
        self.forms = forms

    def name_as_read(self, name: str) -> str:
        """What the parser makes of a name with the three escapes that browsers use."""
        return name

    async def post(self, body: MultipartBody) -> dict[str, Any]:
        answer = await self.send(
            "POST",
            self.forms.url(self.parser),
            body,
            Headers({"Content-Type": [body.content_type]}),
        )
        assert answer.status == 200, answer
        facts: dict[str, Any] = json.loads(answer.content)
        return facts

    async def test_names_and_values(self) -> None:
        fields = {"title": "Größe", "empty": "", "lines": "a\r\nb\n", "dash": "--x--\r\n"}
        body = MultipartBody([FormField(name, value) for name, value in fields.items()])
        found = await self.post(body)
        assert found["parts"] == [facts_of(name, value.encode()) for name, value in fields.items()]
        assert found["length"] == body.length

    async def test_odd_names(self) -> None:
        body = MultipartBody([FormField(ODD, b"x", filename=ODD, content_type="text/x-odd")])
        name = self.name_as_read(ODD)
        found = await self.post(body)
        assert found["parts"] == [facts_of(name, b"x", name, "text/x-odd")]

    async def test_several_files(self) -> None:
        paths = [
            content.write_file(self.directory / f"{seed}.txt", seed, SIZE + seed)
            for seed in range(3)
        ]
        body = MultipartBody(
            [FormField("before", "text"), *(FormField("files", PathBody(path)) for path in paths)]
        )
        found = await self.post(body)
        assert found["parts"] == [
            facts_of("before", b"text"),
            *(facts_of("files", path.read_bytes(), path.name, "text/plain") for path in paths),
        ]
        assert found["length"] == body.length

    async def test_unknown_length(self) -> None:
        pieces = list(content.pieces(7, SIZE))
        body = MultipartBody(
            [
                FormField("stream", IterableBody(pieces), filename="stream.bin"),
                FormField("after", "text"),
            ]
        )
        found = await self.post(body)
        assert found["length"] is None
        assert found["parts"] == [
            facts_of("stream", b"".join(pieces), "stream.bin", "application/octet-stream"),
            facts_of("after", b"text"),
        ]


class TestAiohttp(_Form):
    __test__ = True
    parser = "aiohttp"

    def name_as_read(self, name: str) -> str:
        # It leaves the escapes to the application.
        return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


class TestMultipart(_Form):
    __test__ = True
    parser = "multipart"


class TestEncoded(SendCase):
    forms: FormServer

    @pytest.fixture(autouse=True)
    def _servers(self, forms: FormServer, request: pytest.FixtureRequest) -> None:
        self.forms = forms
        self.request = request

    def source(self) -> Path:
        return content.write_file(self.directory / "source.txt", 3, SIZE)

    async def put_coded(self, url: str, body: Body) -> bytes:
        answer = await self.send(
            "PUT", url, EncodedBody(body, "gzip"), Headers({"Content-Encoding": ["gzip"]})
        )
        assert answer.status in {200, 201, 204}, answer
        return answer.content

    @pytest.mark.peer
    async def test_nginx_stores_what_decodes_to_the_file(self) -> None:
        nginx: Nginx = self.request.getfixturevalue("nginx")
        source = self.source()
        await self.put_coded(nginx.url(tls=False) + "/coded.gz", PathBody(source))
        stored = nginx.stored / "coded.gz"
        assert gzip.decompress(stored.read_bytes()) == source.read_bytes()
        stored.unlink()

    async def test_aiohttp_decodes_it(self) -> None:
        source = self.source()
        for body in (PathBody(source), BytesBody(source.read_bytes()), BytesBody(b"")):
            facts = json.loads(await self.put_coded(self.forms.url("decoded"), body))
            expected = b"" if body.length == 0 else source.read_bytes()
            assert facts["length"] == len(expected)
            assert facts["sha256"] == hashlib.sha256(expected).hexdigest()

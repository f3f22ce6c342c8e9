import json
import re
from pathlib import Path

import pytest

from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.curl import curl
from tests.peers.stores import KINDS, LIMIT_BYTES, Content, Stores

pytestmark = pytest.mark.peer

both_ways = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
all_kinds = pytest.mark.parametrize("kind", KINDS)
CHUNKED = ("--header", "Transfer-Encoding: chunked")


@both_ways
@all_kinds
@pytest.mark.parametrize(
    ("size", "how"),
    # curl never ends the chunked body of an empty file.
    [(0, ()), (1, ()), (3_000_001, ()), (1, CHUNKED), (3_000_001, CHUNKED)],
    ids=["0", "1", "3000001", "1-chunked", "3000001-chunked"],
)
def test_it_has_what_was_sent(
    stores: Stores,
    certificates: Certificates,
    tmp_path: Path,
    kind: str,
    tls: bool,
    size: int,
    how: tuple[str, ...],
) -> None:
    source = content.write_file(tmp_path / "source", seed=7, size=size)
    store = stores.get(kind)
    result = curl(certificates, *how, "--upload-file", source, store.url("curl", tls=tls))
    assert (result.exit_status, result.http_status // 100) == (0, 2)
    assert store.look("curl", result.body) == Content(size, content.sha256_of(7, size))


@both_ways
@all_kinds
def test_it_says_to_go_on(
    stores: Stores, certificates: Certificates, tmp_path: Path, kind: str, tls: bool
) -> None:
    source = content.write_file(tmp_path / "source", seed=7, size=3)
    store = stores.get(kind)
    result = curl(
        certificates,
        *("--include", "--expect100-timeout", "30", "--header", "Expect: 100-continue"),
        *("--upload-file", source, store.url("go-on", tls=tls)),
    )
    assert result.exit_status == 0
    assert re.findall(rb"(?m)^HTTP/1.1 (\d+)", result.body)[0] == b"100"


@both_ways
@all_kinds
@pytest.mark.parametrize("how", [(), CHUNKED], ids=["known", "chunked"])
def test_it_refuses_what_is_too_large(
    stores: Stores,
    certificates: Certificates,
    tmp_path: Path,
    kind: str,
    tls: bool,
    how: tuple[str, ...],
) -> None:
    store = stores.get(kind, is_limited=True)
    for size, status in ((LIMIT_BYTES, 2), (LIMIT_BYTES + 1, 4)):
        source = content.write_file(tmp_path / "source", seed=7, size=size)
        result = curl(certificates, *how, "--upload-file", source, store.url("limit", tls=tls))
        assert result.http_status // 100 == status
        if status == 2:
            assert store.look("limit", result.body).length == size
    assert result.http_status == 413


@pytest.mark.parametrize("kind", ["hypercorn", "twisted.web"])
def test_it_takes_forms_apart(
    stores: Stores, certificates: Certificates, tmp_path: Path, kind: str
) -> None:
    source = tmp_path / "source.txt"
    source.write_bytes(b"\r\n--\xff")
    result = curl(
        certificates,
        *("--form", f"file=@{source};type=text/plain", "--form", "word=yes"),
        stores.get(kind).url("form", tls=False),
    )
    assert result.http_status == 200
    said = json.loads(result.body)
    if kind == "twisted.web":
        assert said["form"] == {"file": ["\r\n--\xff"], "word": ["yes"]}
    else:
        assert [(part["name"], part["filename"], part["length"]) for part in said] == [
            ("file", "source.txt", 5),
            ("word", None, 3),
        ]

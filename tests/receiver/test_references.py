"""References in responses, seen by clients beside a proxy and behind one."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest
from tusclient.client import TusClient

from filebody.receiver._references import reference, upload_id_in
from tests.peers.nginx_proxy import NginxProxy
from tests.programs import NODE, require_npm_package, require_program
from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import TUS, ask
from tests.receiver.wire import Wire, head, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.certificates import Certificates

CONTENT = bytes(range(256)) * 8192
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ID = "x" * 32


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/name", "/name"),
        ("/a/b/name", "/a/b/name"),
        ("/name", f"/.uploads/{ID}"),
        ("/a/name", f"/a/b/.uploads/{ID}"),
        ("/a/b/name", f"/.uploads/{ID}"),
        ("/c%C3%A9/name", "/cé/x".encode().decode("latin-1")),
        ("/a/", "/a"),
        ("/a/b/", "/a/b?query=/x/y"),
        ("/", "/"),
        ("/x", "/a/b/"),
    ],
)
def test_a_reference_leads_to_its_path(path: str, target: str) -> None:
    for before in ("http://host", "https://host/files", "http://host/a/b"):
        found = reference(path, target.encode("latin-1"), None)
        assert urljoin(before + target.partition("?")[0], found) == before + path


@pytest.mark.parametrize("target", ["/", "/name", "/a/b/name", f"/a/.uploads/{ID}", "http://h/x"])
def test_an_upload_is_found_wherever_its_reference_leads(target: str) -> None:
    found = reference(f"/.uploads/{ID}", target.encode(), None)
    assert upload_id_in(urljoin(urljoin("http://host/files/", target), found)) == ID
    if "/.uploads/" in f"/{found}":
        assert upload_id_in(found) == ID  # by a client that does not resolve it


def test_the_public_url_makes_references_absolute() -> None:
    url = "https://example.org/files/"
    assert reference("/a/b", b"/a/b", url) == "https://example.org/files/a/b"
    assert reference(f"/.uploads/{ID}", b"/a/", url) == f"https://example.org/files/.uploads/{ID}"


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(tmp_path, public_url="https://Files.Example.org/in") as process:
        yield process


def test_the_public_host_is_served(receiver: ReceiverProcess) -> None:
    for host, status in (
        ("files.example.org", 201),
        ("FILES.example.org:443", 201),
        ("127.0.0.1", 201),
        ("other.example.org", 421),
    ):
        with Wire(receiver.address) as wire:
            wire.send(head("PUT", f"/{len(receiver.files)}", "Content-Length: 0", host=host))
            assert wire.answer().status == status, host


def test_its_own_page_may_send_behind_tls(receiver: ReceiverProcess) -> None:
    for number, (fields, status) in enumerate(
        [
            (["Origin: https://files.example.org"], 201),
            (["Origin: http://files.example.org"], 403),
            (["Origin: https://evil.example"], 403),
            (["Origin: https://evil.example", "Sec-Fetch-Site: cross-site"], 403),
            (["Origin: https://other.name", "Sec-Fetch-Site: same-origin"], 201),
        ]
    ):
        assert ask(receiver, "PUT", f"/{number}", *fields, body=b"").status == status, fields


def test_the_public_url_in_responses(receiver: ReceiverProcess) -> None:
    with Wire(receiver.address) as wire:
        wire.send(put("/a/name"))
        assert wire.answer().fields["location"] == "https://files.example.org/in/a/name"
        wire.send(head("GET", "/a"))
        assert wire.answer().fields["location"] == "https://files.example.org/in/a/"
    answer = ask(receiver, "POST", "/a/", TUS, "Upload-Length: 3", body=b"")
    assert answer.fields["location"].startswith("https://files.example.org/in/.uploads/")


# --- behind nginx --------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def nginx(tmp_path: Path, certificates: Certificates) -> Iterator[NginxProxy]:
    require_program("nginx")
    root = tmp_path / "nginx"
    root.mkdir()
    with NginxProxy(root, certificates) as process:
        yield process


def check_stored(receiver: ReceiverProcess, name: str) -> None:
    stored = [event for event in receiver.events if event["kind"] == "Stored"][-1]
    assert (stored["name"], stored["sha256"]) == (name, SHA256)


@pytest.mark.peer
@pytest.mark.parametrize("where", ["files", "kept", "files, absolute"])
def test_foreign_clients_below_a_path(
    tmp_path: Path, nginx: NginxProxy, source: Path, where: str
) -> None:
    """Relative references and absolute ones serve tuspy, tus-js-client and curl."""
    node, curl = require_program("node"), require_program("curl")
    require_npm_package("tus-js-client")
    path = where.partition(",")[0]
    base = f"{nginx.url(tls=False)}/{path}/"
    public_url = base if "absolute" in where else None
    # A proxy that does not take its path off asks for files in a directory of that name.
    below = "kept/" if path == "kept" else ""
    with ReceiverProcess(tmp_path, port=nginx.receiver_port, public_url=public_url) as receiver:
        with source.open("rb") as stream:
            TusClient(f"{base}a/tuspy.bin").uploader(
                file_stream=stream, chunk_size=1_000_000
            ).upload()
        check_stored(receiver, f"{below}a/tuspy.bin")

        job = {
            "endpoint": base,
            "path": str(source),
            "options": {"metadata": {"filename": "js.bin"}, "parallelUploads": 2},
        }
        done = subprocess.run(
            [node, "tus_client.js", json.dumps(job)],
            cwd=NODE,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        check_stored(receiver, f"{below}js.bin")

        command = [curl, "--silent", "--show-error", "--fail", "--max-time", "60"]
        subprocess.run([*command, "-T", source, f"{base}curl.bin"], check=True)
        check_stored(receiver, f"{below}curl.bin")
        # A directory without its slash: the redirection stays behind the proxy.
        page = subprocess.run(
            [*command, "--location", f"{base}a"], check=True, capture_output=True, text=True
        )
        assert "tuspy.bin" in page.stdout


@pytest.mark.peer
def test_a_page_of_its_own_behind_tls(
    tmp_path: Path, nginx: NginxProxy, certificates: Certificates
) -> None:
    """The receiver hears HTTP, and the browser says that its page came by HTTPS."""
    curl = require_program("curl")
    public_url = nginx.url(tls=True)
    with ReceiverProcess(tmp_path, port=nginx.receiver_port, public_url=public_url) as receiver:
        command = [curl, "--silent", "--cacert", str(certificates.authority)]
        command += ["--write-out", "%{http_code}", "-H", f"Origin: {public_url}"]
        command += ["-H", "Content-Type: text/plain", "--data-binary", "x", f"{public_url}/name"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.endswith("201")
        assert receiver.files == {"name": 1}

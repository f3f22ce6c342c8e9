import hashlib
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.command import PROGRAM, environment, receiving, run, run_here
from tests.cli.server import Peer, serving, take_all
from tests.peers.certificates import Certificates

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture(scope="module")
def context(certificates: Certificates) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificates.server)
    return made


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_cacert(host: str, file: Path, context: ssl.SSLContext, certificates: Certificates) -> None:
    with serving(take_all, context=context) as server:
        url = server.url.replace("127.0.0.1", host)
        outcome = run("send", "--cacert", certificates.authority, file, url, cwd=file.parent)
    assert (outcome.code, outcome.err) == (0, "")
    assert server.requests[0].content == CONTENT


def test_unknown_authority(file: Path, context: ssl.SSLContext) -> None:
    with serving(take_all, context=context) as server:
        outcome = run("send", file, server.url, cwd=file.parent)
    assert outcome.code == 55
    for part in ("issued by an authority that is not", "--cacert FILE", f"{server.url}file"):
        assert part in outcome.error
    assert not any(received.content for received in server.requests)


def test_other_name(tmp_path: Path, file: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    with serving(take_all, context=context) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        outcome = run("send", "--cacert", tmp_path / "ca.pem", file, url, cwd=tmp_path)
    assert outcome.code == 55
    for part in ("localhost shows is for another name", "use the name that it is for"):
        assert part in outcome.error
    assert not any(received.content for received in server.requests)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_insecure(host: str, file: Path, context: ssl.SSLContext) -> None:
    with serving(take_all, context=context) as server:
        url = server.url.replace("127.0.0.1", host)
        outcome = run("send", "--insecure", file, url, cwd=file.parent)
    assert outcome.code == 0
    assert outcome.error.startswith("filebody: --insecure: whoever answers for ")
    assert server.requests[0].content == CONTENT


def test_tls_to_a_server_without(file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.socket.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with serving(script) as server:
        url = server.url.replace("http:", "https:")
        outcome = run("send", file, url, cwd=file.parent)
    assert outcome.code == 55
    assert "does not speak TLS on this port: is it http://?" in outcome.error


def test_no_tls_to_a_server_with(file: Path, context: ssl.SSLContext) -> None:
    with serving(take_all, context=context) as server:
        url = server.url.replace("https:", "http:")
        outcome = run("send", file, url, cwd=file.parent)
    assert outcome.code == 55
    assert f"{url}file" in outcome.error


def test_receive_with_tls(tmp_path: Path, file: Path, certificates: Certificates) -> None:
    tls = ("--cert", certificates.server_chain, "--key", certificates.server_key)
    with receiving(tmp_path / "inbox", *tls) as (_, url):
        assert url.startswith("https://")
        outcome = run("send", "--cacert", certificates.authority, file, url, cwd=tmp_path)
    assert outcome.code == 0
    assert "digest verified" in outcome.out
    stored = (tmp_path / "inbox" / "file").read_bytes()
    assert hashlib.sha256(stored).digest() == hashlib.sha256(CONTENT).digest()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate of a client's, its key, and the same with a password."""
    directory = tmp_path_factory.mktemp("own")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    issued = authority.issue_cert("me@example.org")
    issued.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    issued.private_key_pem.write_to_path(str(directory / "key.pem"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(directory / "both.pem"))
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter2"),
    )
    (directory / "locked.pem").write_bytes(locked)
    return directory


@pytest.mark.parametrize(
    "names", [("--cert", "both.pem"), ("--cert", "cert.pem", "--key", "key.pem")]
)
def test_a_certificate_of_ones_own(
    names: tuple[str, ...], own: Path, file: Path, certificates: Certificates
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=own / "ca.pem")
    context.load_cert_chain(certificates.server)
    context.verify_mode = ssl.CERT_REQUIRED
    options = [own / name if name.endswith(".pem") else name for name in names]
    with serving(take_all, context=context) as server:
        trusted = ("--cacert", certificates.authority)
        outcome = run("send", *trusted, *options, file, server.url, cwd=file.parent)
        assert (outcome.code, outcome.err) == (0, "")
        outcome = run("send", *trusted, file, server.url, cwd=file.parent)
        assert outcome.code == 55


@pytest.mark.parametrize(
    ("cert", "key", "words"),
    [
        ("cert.pem", None, "there must be a certificate and its key in it"),
        ("ca.pem", "key.pem", "its key does not belong to the certificate"),
        ("both.pem", "cert.pem", "cannot use"),
    ],
)
def test_a_certificate_that_cannot_be_used(
    cert: str, key: str | None, words: str, own: Path, file: Path
) -> None:
    keys = () if key is None else ("--key", str(own / key))
    options = ("--cert", str(own / cert), *keys)
    outcome = run_here("send", *options, str(file), "https://h/", cwd=file.parent)
    assert outcome.code == 2
    assert words in outcome.error


def test_a_key_with_a_password_and_no_terminal(own: Path, file: Path) -> None:
    options = ("--cert", str(own / "cert.pem"), "--key", str(own / "locked.pem"))
    # In a session of its own, without a terminal that could ask the one who runs the tests.
    command = ["setsid", "--wait", *PROGRAM, "send", *options, str(file), "https://h/"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "its key has a password, and there is no terminal to ask for it" in done.stderr

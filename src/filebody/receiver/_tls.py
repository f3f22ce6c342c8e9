"""TLS for the receiver, by pyOpenSSL; imported only when a certificate is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from filebody.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from OpenSSL.crypto import X509, PKey
    from twisted.internet.interfaces import IProtocolFactory

__all__ = ["wrapped"]


def wrapped(factory: IProtocolFactory, cert: Path, key: Path | None) -> IProtocolFactory:
    """Put TLS before a factory.

    Args:
        factory: What speaks inside.
        cert: A PEM file with the certificate, then its chain.
        key: A PEM file with the private key; None if it is in `cert`.

    Raises:
        UsageError: A package is missing, a file cannot be read or is not PEM, or the key is not
            the certificate's.
    """
    try:
        from cryptography import x509  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - an extra
            load_pem_private_key,
        )
        from OpenSSL import SSL  # noqa: PLC0415 - an extra
        from twisted.internet.ssl import CertificateOptions  # noqa: PLC0415 - an extra
        from twisted.protocols.tls import TLSMemoryBIOFactory  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            f"TLS needs a package that is not installed ({error.name}): pip install 'filebody[tls]'"
        ) from error
    key = key or cert
    certificate_pem, key_pem = _read(cert), _read(key)
    try:
        chain = x509.load_pem_x509_certificates(certificate_pem)
    except ValueError as error:
        raise UsageError(f"{cert} has no certificate in PEM form") from error
    try:
        # The versions, ciphers and curves are Twisted's choice. The types that its annotations
        # name are those that pyOpenSSL wants to be rid of: it takes cryptography's own.
        options = CertificateOptions(
            privateKey=cast("PKey", load_pem_private_key(key_pem, password=None)),
            certificate=cast("X509", chain[0]),
            extraCertChain=cast("list[X509]", chain[1:]),
            # Without this Twisted refuses every client that offers any protocol (RFC 7301).
            acceptableProtocols=[b"http/1.1", b"http/1.0"],
        )
        options.getContext()
    except (ValueError, TypeError, SSL.Error) as error:
        # TypeError is how an encrypted key shows, or one of a kind that is not for TLS.
        raise UsageError(
            f"{key} has no private key, in PEM form and without a passphrase, that belongs to the "
            f"certificate in {cert}"
        ) from error
    return cast("IProtocolFactory", TLSMemoryBIOFactory(options, False, factory))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error

"""TLS for the receiver, by pyOpenSSL; imported only when a certificate is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filebody.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

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
        from OpenSSL import SSL  # noqa: PLC0415 - an extra
        from twisted.internet.ssl import CertificateOptions  # noqa: PLC0415 - an extra
        from twisted.protocols.tls import TLSMemoryBIOFactory  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            f"TLS needs a package that is not installed ({error.name}): pip install 'filebody[tls]'"
        ) from error
    key = key or cert
    for path in (cert, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
    # Twisted's choice of versions and ciphers; the files are loaded by OpenSSL, with the chain.
    options = CertificateOptions()
    context = options.getContext()
    # Without this OpenSSL would ask for a passphrase on the terminal.
    context.set_passwd_cb(lambda *_: b"")
    try:
        context.use_certificate_chain_file(str(cert))
    except SSL.Error as error:
        raise UsageError(f"{cert} has no certificate in PEM form") from error
    try:
        context.use_privatekey_file(str(key))
        context.check_privatekey()
    except SSL.Error as error:
        raise UsageError(
            f"{key} has no private key without passphrase in PEM form that belongs to the "
            f"certificate in {cert}"
        ) from error
    return TLSMemoryBIOFactory(options, False, factory)

"""Which servers to believe: TLS settings for one host."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from zope.interface import implementer

from filebody.errors import UsageError

__all__ = ["Trust"]

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@attrs.frozen
class Trust:
    """Whose certificates count.

    Attributes:
        roots: What Twisted takes as trust root; None for the system's authorities.
        verifies: Whether certificates count at all.
    """

    roots: Any = None
    verifies: bool = True

    @classmethod
    def of(cls, cacert: Path | None, *, insecure: bool) -> Trust:
        """From the options.

        Args:
            cacert: A file of certificates in PEM form; they replace the system's.
            insecure: Whether to believe everybody.

        Raises:
            UsageError: The file has no certificates.
        """
        if insecure:
            return cls(verifies=False)
        if cacert is None:
            return cls()
        try:
            found = [Certificate.loadPEM(pem) for pem in _PEM.findall(cacert.read_bytes())]
        except OSError as error:
            raise UsageError(f"cannot read {cacert}: {error.strerror}") from error
        except SSL.Error as error:
            raise UsageError(f"{cacert} has a certificate that cannot be read") from error
        if not found:
            raise UsageError(f"{cacert} has no certificate in PEM form")
        return cls(roots=trustRootFromCertificates(found))

    def creator(self, host: str) -> IOpenSSLClientConnectionCreator:
        """Settings for one connection to `host`, a name or an address."""
        options: IOpenSSLClientConnectionCreator = optionsForClientTLS(host, trustRoot=self.roots)
        return options if self.verifies else _Anybody(host)


@implementer(IOpenSSLClientConnectionCreator)
class _Anybody:
    """Encrypts, and does not ask with whom."""

    def __init__(self, host: str) -> None:
        self._host = host

    def clientConnectionForTLS(
        self,
        tlsProtocol: object,  # noqa: ARG002 - the interface's
    ) -> SSL.Connection:
        connection = SSL.Connection(CertificateOptions(verify=False).getContext(), None)
        if re.search(r"[A-Za-z]", self._host) and ":" not in self._host:
            connection.set_tlsext_host_name(self._host.encode())  # RFC 6066: never an address
        return connection

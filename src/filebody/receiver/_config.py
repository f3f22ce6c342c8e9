"""What a receiver is told: one frozen value, refused when it could never be meant so."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

import attrs

from filebody.errors import UsageError
from filebody.receiver._budget import DEFAULT_BYTES
from filebody.wire import parse_target

__all__ = ["ReceiverConfig", "is_loopback"]

# What may stand in a field value without quoting; RFC 6750's b64token is narrower.
_LEAST_MEMORY_BYTES = 16 * 1024 * 1024
# RFC 6454 section 6.2: an origin as browsers write it; not "null", and not a list.
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[!-+\-.0-~]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")

# Of a quota this much is for records: an upload in 20 parts has as many.
_RECORDS_BYTES = 8192


def is_loopback(host: str) -> bool:
    """Say whether `host`, an IP address or a name, can only mean this machine."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        name = host.lower().removesuffix(".")
        # RFC 6761 section 6.3: browsers and resolvers keep these on the loopback interface.
        return name == "localhost" or name.endswith(".localhost")


def _address(host: str) -> str:
    """Names are resolved by nobody here: binding is for addresses."""
    return "127.0.0.1" if host.lower() == "localhost" else host


def _public_url(url: str | None) -> str | None:
    """Check and normalize a URL; its path ends with a slash."""
    if url is None:
        return None
    target = parse_target(url)
    path = target.path.decode()
    if target.credentials is not None or "?" in path or "#" in url:
        raise UsageError(
            f"the public URL {target.url!r} must not have a user name, a query or a fragment"
        )
    return f"{target.origin.scheme}://{target.origin.authority.decode()}{path.rstrip('/')}/"


@attrs.frozen(kw_only=True)
class ReceiverConfig:
    """The settings of a `Receiver`; checked when made, without touching the disk.

    Args:
        directory: Where the files go; made at start if it is missing.
        host: The IP address to listen on, or "localhost".
        port: The TCP port to listen on; 0 for a free one.
        max_size: The longest body accepted, in bytes; None for no limit but the disk's.
        overwrite: Whether an upload may replace a file of the same name.
        token: What clients must send as `Authorization: Bearer TOKEN`, for every request.
        insecure: Allow listening beyond this machine without a token.
        cert: A PEM file with the server's certificate, then its chain: turns on TLS.
        key: A PEM file with the certificate's private key; None if it is in `cert`.
        idle_timeout_seconds: How long a client may keep the receiver waiting for a byte; also how
            long it may take for a whole request head.
        max_header_bytes: The longest request head, or trailer section, in bytes.
        max_connections: How many connections are served at a time; further ones get 503, unless
            some can give way: that are idle, that sent nothing of a body for five seconds, or that
            were slower than 1 KiB/s for longer than the idle timeout.
        max_memory: How much memory clients can make the receiver hold all together, in bytes, for
            heads, queues, decoders and responses that wait.
        grace_seconds: How long running transfers may go on after `Receiver.stop`.
        expire_after_seconds: How long after its last byte an unfinished resumable upload is kept.
        quota: How many bytes unfinished resumable uploads may have, or announce, all together, with
            the records of all; None for no limit but the disk's.
        fsync: Whether the offsets that clients of resumable uploads are told survive a power cut;
            they survive the end of the receiver in any case.
        allow_origins: Origins, such as `https://example.org`, whose pages may store files here from
            a browser; "*" for any page at all.
        public_url: The URL by which clients know the receiver, if a proxy is before it: responses
            refer to it, requests for its host are served, and its own pages may store files. The
            proxy takes the URL's path off. None: references are relative.

    Raises:
        UsageError: A value that can never work, or an address that others can reach with neither
            `token` nor `insecure`.
    """

    directory: Path = attrs.field(converter=Path)
    host: str = attrs.field(default="127.0.0.1", converter=_address)
    port: int = 0
    max_size: int | None = None
    overwrite: bool = False
    token: str | None = attrs.field(default=None, repr=False)
    insecure: bool = False
    cert: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    key: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    idle_timeout_seconds: float = 60.0
    max_header_bytes: int = 64 * 1024
    max_connections: int = 1000
    max_memory: int = DEFAULT_BYTES
    grace_seconds: float = 10.0
    expire_after_seconds: float = 7 * 24 * 60 * 60.0
    quota: int | None = None
    fsync: bool = False
    allow_origins: Sequence[str] = attrs.field(default=(), converter=tuple)
    public_url: str | None = attrs.field(default=None, converter=_public_url)

    def __attrs_post_init__(self) -> None:
        self._check_numbers()
        self._check_address()
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise UsageError(
                "the token must be one or more visible ASCII characters without spaces: "
                "it travels in a header field"
            )
        if self.key is not None and self.cert is None:
            raise UsageError(f"the key {self.key} needs its certificate: give cert as well")

    @property
    def max_upload_size(self) -> int | None:
        """The longest resumable upload, in bytes: the quota is for its record too."""
        if self.quota is None:
            return self.max_size
        room = max(self.quota - _RECORDS_BYTES, self.quota // 2)
        return room if self.max_size is None else min(room, self.max_size)

    def allows(self, origin: str) -> bool:
        """Whether pages of an origin may store files here."""
        if origin in self.allow_origins:
            return True
        return "*" in self.allow_origins and _ORIGIN.fullmatch(origin) is not None

    @property
    def public_origin(self) -> str | None:
        """Scheme and authority of the public URL, as browsers write them in Origin."""
        return None if self.public_url is None else "/".join(self.public_url.split("/")[:3])

    def _check_numbers(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"port {self.port} is not in 0..65535 (0 means a free one)")
        if self.max_size is not None and self.max_size < 0:
            raise UsageError(f"max_size is {self.max_size} bytes; the smallest is 0")
        if not self.idle_timeout_seconds > 0:
            raise UsageError("idle_timeout_seconds must be more than 0")
        if self.max_header_bytes < 1024:
            raise UsageError("max_header_bytes must be at least 1024: browsers need that much")
        if self.max_connections < 1:
            raise UsageError("max_connections must be at least 1")
        if self.max_memory < _LEAST_MEMORY_BYTES:
            raise UsageError(
                f"max_memory must be at least {_LEAST_MEMORY_BYTES} bytes: one zstd upload needs it"
            )
        if not self.grace_seconds >= 0:
            raise UsageError("grace_seconds must be 0 or more")
        if not self.expire_after_seconds > 0:
            raise UsageError("expire_after_seconds must be more than 0")
        if self.quota is not None and self.quota < 0:
            raise UsageError(f"quota is {self.quota} bytes; the smallest is 0")

    def _check_address(self) -> None:
        try:
            ipaddress.ip_address(self.host.partition("%")[0])
        except ValueError as error:
            raise UsageError(
                f"{self.host!r} is not an IP address: listen on 127.0.0.1 for this machine only, "
                "on 0.0.0.0 or :: for every interface"
            ) from error
        if is_loopback(self.host) or self.token is not None or self.insecure:
            return
        raise UsageError(
            f"everybody who can reach {self.host} could store and read files: set a token, or "
            "insecure if that is meant, or listen on 127.0.0.1"
        )

"""What one request carries: a body, the fields that say what it is, and its digests."""

from __future__ import annotations

import attrs

from filebody.body import Body, DigestBody, EncodedBody, Reader
from filebody.progress import Progress

__all__ = ["CODINGS", "HashedBody", "Load", "Reached"]

CODINGS = ("gzip", "zstd")


@attrs.frozen(kw_only=True)
class Reached:
    """How far the sending of a load came.

    Attributes:
        sent_bytes: How many bytes of the content were sent, in the last attempt.
        total_bytes: Of how many, or None.
        is_out: Whether all of it was sent.
        sha256: The digest of the content, if all of it was sent.
        coding: How it was compressed on the way, or None.
        encoded_bytes: How many bytes the coding has made of the content; None without one.
        is_form: Whether it is a form.
        resumed_bytes: How many of them the server had before.
        protocol: By which protocol for resumable uploads, or None.
        upload_id: Under which name it can be resumed, or None if it cannot.
    """

    sent_bytes: int = 0
    total_bytes: int | None = None
    is_out: bool = False
    sha256: bytes | None = None
    coding: str | None = None
    encoded_bytes: int | None = None
    is_form: bool = False
    resumed_bytes: int = 0
    protocol: str | None = None
    upload_id: str | None = None


class HashedBody(Body):
    """The bytes of `body`, hashed anew in each pass: a redirection or a retry needs another one.

    Args:
        body: Another body.
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        self.length = body.length
        self.source = body.source
        self.replayable = body.replayable
        self._pass = DigestBody(body)

    @property
    def is_touched(self) -> bool:
        """See `Body.is_touched`."""
        return self.body.is_touched

    @property
    def read_bytes(self) -> int:
        """How many bytes the last pass has read."""
        return self._pass.read_bytes

    def digest(self) -> bytes:
        """The SHA-256 digest of what the last pass has read."""
        return self._pass.digest()

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`; only the whole body can be opened."""
        self._pass = DigestBody(self.body)
        return self._pass.open(offset, stop)


class Load:
    """A body, and what must be known of it to send it and to understand the answer.

    Args:
        content: What is to arrive.
        form_type: Its Content-Type, if it is a form.
        coding: How to compress it on the way, or None.

    Attributes:
        body: What is to be sent.
        total_bytes: The length of the content, or None.
        is_form: Whether it is a form.
        coding: The coding, or None.

    Raises:
        UsageError: The coding's library is not installed.
    """

    def __init__(
        self, content: Body, *, form_type: str | None = None, coding: str | None = None
    ) -> None:
        self.total_bytes = content.length
        self.is_form = form_type is not None
        self.coding = coding
        self._form_type = form_type
        self._content = HashedBody(content)
        self._encoded = (
            self._content if coding is None else HashedBody(EncodedBody(self._content, coding))
        )
        self.body: Body = self._encoded

    @property
    def content(self) -> Body:
        """What is to arrive, as it was given."""
        return self._content.body

    @property
    def read_bytes(self) -> int:
        """How many bytes of the content the last pass has read."""
        return self._content.read_bytes

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The header fields that say what is sent."""
        fields = {"Content-Type": self._form_type, "Content-Encoding": self.coding}
        return [(name, value) for name, value in fields.items() if value is not None]

    def reached(self, progress: Progress, *, is_out: bool) -> Reached:
        """How far it is, from how far the body is."""
        return Reached(
            sent_bytes=self.in_content(progress).sent_bytes,
            total_bytes=self.total_bytes,
            is_out=is_out,
            sha256=self.digest() if is_out else None,
            coding=self.coding,
            encoded_bytes=None if self.coding is None else progress.sent_bytes,
            is_form=self.is_form,
        )

    def digest(self) -> bytes:
        """The SHA-256 digest of the content, once it was sent."""
        return self._content.digest()

    def is_digest(self, digest: bytes) -> bool:
        """Whether that is the digest of what was sent, as it is or as it was encoded.

        Both are right: a server that does not decode has the encoded bytes, and Repr-Digest is
        computed over the representation with its codings (RFC 9530 section 3).
        """
        return digest in {self._content.digest(), self._encoded.digest()}

    def in_content(self, progress: Progress) -> Progress:
        """How far the content is, from how far what it was encoded to is."""
        if self.coding is None:
            return progress
        sent = self._in_content(progress.sent_bytes)
        acknowledged = progress.acknowledged_bytes
        return attrs.evolve(
            progress,
            sent_bytes=sent,
            total_bytes=self.total_bytes,
            acknowledged_bytes=None if acknowledged is None else self._in_content(acknowledged),
        )

    def _in_content(self, encoded_bytes: int) -> int:
        # What was read and is not out yet has shrunk about as much as all before it.
        encoded = self._encoded.read_bytes
        return self._content.read_bytes * min(encoded_bytes, encoded) // encoded if encoded else 0

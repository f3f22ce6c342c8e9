"""A server in memory that takes what the machine sends: as simple as it can be, and honest."""

from __future__ import annotations

from urllib.parse import urljoin

import attrs

from filebody.resumable._values import (
    NO_LIMITS,
    Interim,
    Kind,
    Offer,
    Protocol,
    Reply,
    Send,
)
from filebody.wire import UploadLimits

TUS_EXTENSIONS = frozenset(
    {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "termination",
        "concatenation",
        "checksum",
    }
)


@attrs.define
class Held:
    """One upload at the server."""

    data: bytes = b""
    length: int | None = None
    complete: bool = False
    is_tus: bool = False
    is_part: bool = False


@attrs.define
class ModelServer:
    """Keeps uploads; `stored` is what was complete.

    Attributes:
        protocol: What it speaks: tus, IETF, or neither.
        interim: Whether its 104s come through (IETF).
        limits: What it says that it takes (IETF), and holds to.
        says_complete: Whether it says so when it has everything (IETF); old dialects need not.
        versions: The dialects that it understands (IETF).
        is_announced: Whether it says in OPTIONS that it speaks the IETF's protocol.
        says_version: Whether it says there which dialect.
    """

    protocol: Protocol
    interim: bool = True
    limits: UploadLimits = NO_LIMITS
    says_complete: bool = True
    versions: frozenset[int] = frozenset({6, 8, 9, 10})
    is_announced: bool = True
    says_version: bool = True
    uploads: dict[str, Held] = attrs.Factory(dict)
    stored: list[bytes] = attrs.Factory(list)
    made: int = 0

    def handle(self, send: Send, content: bytes, *, is_cut: bool = False) -> list[Interim | Reply]:
        """What it answers to a request of which `content` arrives; `is_cut` if more was to come."""
        fields = dict(send.fields)
        match send.kind:
            case Kind.DISCOVER:
                return [self._offer()]
            case Kind.CREATE:
                return self._create(send, fields, content, is_cut)
            case Kind.JOIN:
                return [self._join(fields)]
        held = self.uploads.get(send.url)
        if held is None:
            return [Reply(status=404)]
        if send.kind is Kind.ASK:
            return [self._facts(held, 204)]
        if send.kind is Kind.CANCEL:
            del self.uploads[send.url]
            return [Reply(status=204)]
        return self._append(held, send, fields, content, is_cut)

    def _offer(self) -> Reply:
        if self.protocol is Protocol.TUS:
            offer = Offer(
                tus=True, extensions=TUS_EXTENSIONS, checksum_algorithms=frozenset({"sha1"})
            )
            return Reply(status=204, offer=offer)
        if self.protocol is Protocol.IETF and self.is_announced:
            version = max(self.versions) if self.says_version else None
            offer = Offer(ietf=True, interop_version=version, limits=self.limits)
            return Reply(status=204, offer=offer)
        return Reply(status=405, offer=Offer())

    def _create(
        self, send: Send, fields: dict[str, str], content: bytes, is_cut: bool
    ) -> list[Interim | Reply]:
        is_tus = fields.get("Tus-Resumable") is not None
        version = fields.get("Upload-Draft-Interop-Version")
        is_ietf = version is not None and int(version) in self.versions
        if self.protocol is Protocol.TUS and is_tus:
            length = fields.get("Upload-Length")
            held = Held(
                length=None if length is None else int(length),
                is_tus=True,
                is_part=fields.get("Upload-Concat") == "partial",
            )
        elif self.protocol is Protocol.IETF and is_ietf:
            length = fields.get("Upload-Length")
            held = Held(length=None if length is None else int(length))
        else:
            assert not is_tus, "tus for a server that does not speak it"
            if not is_cut:
                self.stored.append(content)
            return [Reply(status=201)]
        most = self.limits.max_append_size
        if not is_tus and most is not None and len(content) > most:
            return [Reply(status=413, limits=self.limits)]
        self.made += 1
        url = f"http://model/uploads/{self.made}"
        self.uploads[url] = held
        answers: list[Interim | Reply] = []
        if not is_tus and self.interim:
            answers.append(Interim(location=url, limits=self.limits))
        self._take(held, content, fields, is_cut)
        if not is_tus and self.interim and content:
            answers.append(Interim(offset=len(held.data)))
        if held.complete and not is_tus:
            said = True if self.says_complete else None
            return [*answers, Reply(status=201, complete=said, location="http://model/target")]
        reply = self._facts(held, 201)
        return [*answers, attrs.evolve(reply, location=url)]

    def _append(
        self, held: Held, send: Send, fields: dict[str, str], content: bytes, is_cut: bool
    ) -> list[Interim | Reply]:
        is_refused = held.complete or int(fields["Upload-Offset"]) != len(held.data)
        if is_refused:
            return [attrs.evolve(self._facts(held, 409), complete=False)]
        most = self.limits.max_append_size
        if most is not None and len(content) > most:
            return [Reply(status=413, limits=self.limits)]
        self._take(held, content, fields, is_cut)
        answers: list[Interim | Reply] = []
        if not held.is_tus and self.interim:
            answers.append(Interim(offset=len(held.data)))
        if held.complete and not held.is_tus:
            said = True if self.says_complete else None
            return [*answers, Reply(status=200, complete=said)]
        return [*answers, self._facts(held, 204)]

    def _take(self, held: Held, content: bytes, fields: dict[str, str], is_cut: bool) -> None:
        held.data += content
        if held.is_tus:
            if "Upload-Length" in fields:
                held.length = int(fields["Upload-Length"])
            complete = len(held.data) == held.length
        else:
            complete = fields["Upload-Complete"] == "?1" and not is_cut
        assert held.length is None or len(held.data) <= held.length
        if complete and not held.complete:
            held.complete = True
            if not held.is_part:
                self.stored.append(held.data)

    def _join(self, fields: dict[str, str]) -> Reply:
        urls = fields["Upload-Concat"].removeprefix("final;").split()
        urls = [urljoin("http://model/target", url) for url in urls]
        if any(url not in self.uploads for url in urls):
            return Reply(status=404)
        self.stored.append(b"".join(self.uploads[url].data for url in urls))
        self.made += 1
        return Reply(status=201, location=f"http://model/uploads/{self.made}")

    def _facts(self, held: Held, status: int) -> Reply:
        return Reply(
            status=status,
            offset=len(held.data),
            length=held.length,
            complete=None if held.is_tus else held.complete,
            limits=None if held.is_tus else self.limits,
        )

"""One download: from the head of a GET or HEAD to the last byte of a file or a listing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from filebody.receiver._events import Served
from filebody.receiver._library import Found, Moved, Page, find, requested_range
from filebody.receiver._names import parse_target
from filebody.receiver._refusal import Refusal
from filebody.receiver._request import field
from filebody.receiver._responses import PAGE_FIELDS, file_fields
from filebody.receiver._sender import Sender

if TYPE_CHECKING:
    from collections.abc import Sequence

    import h11

    from filebody.receiver._exchange import Line

__all__ = ["Download"]


class Download:
    """The exchange of one GET or HEAD.

    Args:
        line: Where the file goes.
        request: What was asked for.

    Raises:
        Refusal: 400 for a target that names nothing.
    """

    def __init__(self, line: Line, request: h11.Request) -> None:
        self._line = line
        self._site = line.site
        self._request = request
        self._target = parse_target(request.target)
        self._sender: Sender | None = None
        self._is_over = False

    def start(self, *, has_body: bool) -> None:  # noqa: ARG002 - of no interest for a GET
        """Look for the file."""
        self._site.workers.run(find, self._site.store.root, self._target).addCallbacks(
            self._found, self._line.fail
        ).addErrback(self._line.fail)

    def body_received(self, data: bytes | bytearray) -> None:
        """Not called: the body of a GET is never read."""

    def body_ended(self, trailer: Sequence[tuple[bytes, bytes]]) -> None:
        """Not called: see `body_received`."""

    def lost(self, reason: str) -> None:  # noqa: ARG002 - nobody is told of a GET cut short
        """Stop reading the file."""
        self._is_over = True
        if self._sender is not None:
            self._sender.stopProducing()

    def _found(self, found: Found | Page | Moved) -> None:
        if isinstance(found, Found):
            if self._is_over or self._line.is_head:
                self._site.workers.run(os.close, found.descriptor)
            if not self._is_over:
                self._send_file(found)
        elif not self._is_over:
            if isinstance(found, Moved):
                self._line.respond(301, [("Location", found.location)])
            else:
                self._send_page(found)

    def _send_page(self, page: Page) -> None:
        # The outbox counts it while it waits there.
        budget = self._site.budget
        if not budget.take(len(page.content)):
            self._line.refuse(
                Refusal(503, "too much is under way: try again later", [("Retry-After", "5")])
            )
            return
        budget.add(-len(page.content))
        self._line.respond(200, PAGE_FIELDS, page.content)

    def _send_file(self, found: Found) -> None:
        line = self._line
        if line.is_head:
            # RFC 9110 section 14.2: Range is for GET only.
            line.begin_response(200, file_fields(found, None))
            line.end_response()
            return
        # RFC 9110 section 13.1.5: no validator of ours can match If-Range, so the whole is sent.
        wanted = (
            field(self._request, b"range") if field(self._request, b"if-range") is None else None
        )
        try:
            part = requested_range(wanted, found.size_bytes)
        except Refusal as refusal:
            self._site.workers.run(os.close, found.descriptor)
            line.refuse(refusal)
            return
        line.begin_response(200 if part is None else 206, file_fields(found, part))
        start, length = part or (0, found.size_bytes)
        self._sender = Sender(
            found.descriptor,
            self._site.workers,
            start=start,
            length=length,
            budget=self._site.budget,
            on_data=line.send_data,
            on_end=lambda reason: self._ended(found, length, reason),
        )
        line.register(self._sender)
        self._sender.start()

    def _ended(self, found: Found, length: int, reason: str | None) -> None:
        line = self._line
        line.unregister()
        if reason is not None:
            # The client counts, and sees that this is not the whole.
            line.abort(reason)
            return
        self._site.tell(
            Served(
                path=self._site.store.directory.joinpath(*found.name),
                name="/".join(found.name),
                size_bytes=length,
                seconds=self._site.clock.seconds() - line.began,
                peer=line.peer,
            )
        )
        line.end_response()

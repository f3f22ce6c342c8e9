"""How requests go: whose credentials with them, and where to."""

from __future__ import annotations

from urllib.parse import quote

import attrs
from twisted.web.http_headers import Headers

from filebody.agent import Cookies, Options, UploadAgent
from filebody.resumable._values import Kind, Send
from filebody.wire import Target, is_bound_to_origin, parse_target

__all__ = ["Way", "way_of"]


@attrs.frozen
class Way:
    """How requests go.

    Attributes:
        agent: Sends them.
        target: What the user named, with credentials if there are any.
        headers: The user's fields; those about the content, and conditions, go with what creates an
            upload only.
        options: The user's.
    """

    agent: UploadAgent
    target: Target
    headers: Headers = attrs.field(repr=False)
    options: Options

    def url_of(self, url: str) -> tuple[bytes, bool]:
        """What to ask the agent for, and whether it is the server that the user named."""
        found = parse_target(url)
        is_same = found.origin == self.target.origin
        if is_same and self.target.credentials is not None and found.credentials is None:
            user, password = self.target.credentials
            scheme, _, rest = url.partition("://")
            url = f"{scheme}://{_quoted(user)}:{_quoted(password)}@{rest}"
        return url.encode("ascii"), is_same

    def headers_of(self, send: Send, *, is_same: bool) -> Headers:
        """The user's fields and the protocol's."""
        headers = Headers()
        for name, values in self.headers.getAllRawHeaders():
            lower = name.lower()
            if not is_same and is_bound_to_origin(name):
                continue
            is_about_target = lower.startswith((b"content-", b"if-")) or lower == b"range"
            if is_about_target and send.kind is not Kind.CREATE:
                continue
            headers.setRawHeaders(name, list(values))
        for field, value in send.fields:
            headers.setRawHeaders(field.encode("ascii"), [value.encode("ascii")])
        return headers


def way_of(
    agent: UploadAgent, url: str | bytes, headers: Headers | None, options: Options | None
) -> Way:
    """The way of the requests of one upload, which share their cookies."""
    options = options or agent.options
    if options.cookies is None:
        options = attrs.evolve(options, cookies=Cookies())
    return Way(agent, parse_target(url), headers or Headers(), options)


def _quoted(text: str) -> str:
    return quote(text, safe="")

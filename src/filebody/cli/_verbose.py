"""What `--verbose` shows of an exchange: its stages, and both heads, without secrets."""

from __future__ import annotations

from collections.abc import Callable

from filebody.agent import ExchangeListener, Moment, Response
from filebody.cli._answer import detail_of
from filebody.cli._messages import status_words
from filebody.cli._secrets import line_without_secrets
from filebody.cli._words import bytes_count, one_line

__all__ = ["Trace"]


class Trace(ExchangeListener):
    """Says line by line what happens, as `curl -v` does: `*` for stages, `>` sent, `<` received.

    Args:
        say: Takes a line that is safe to be shown; None to say nothing.
        has_identifiers: Whether URLs may name an upload, which is a secret of the server's.
    """

    def __init__(self, say: Callable[[str], None] | None, *, has_identifiers: bool = False) -> None:
        self._say = say
        self._has_identifiers = has_identifiers
        self._url: str | None = None
        self._attempt = 0

    def connected(self, moment: Moment, peer: str, *, reused: bool) -> None:
        """See `ExchangeListener`."""
        self._begin(moment)
        self._note(f"{'connected still' if reused else 'connected'} to {peer}")

    def secured(self, moment: Moment, version: str, cipher: str) -> None:  # noqa: ARG002
        """See `ExchangeListener`."""
        self._note(f"{version}, {cipher}")

    def request_sent(self, moment: Moment, head: bytes) -> None:  # noqa: ARG002
        """See `ExchangeListener`."""
        for line in _text(head).rstrip("\r\n").split("\r\n"):
            self._line(">", line)

    def informational(self, moment: Moment, status: int) -> None:  # noqa: ARG002
        """See `ExchangeListener`."""
        self._line("<", status_words(status))

    def body_sent(self, moment: Moment, sent_bytes: int) -> None:
        """See `ExchangeListener`."""
        self._note(f"the body is out: {bytes_count(sent_bytes)}, after {moment.seconds:.3f} s")

    def first_byte(self, moment: Moment, status: int) -> None:
        """See `ExchangeListener`."""
        self._line("<", status_words(status))
        self._note(f"answered after {moment.seconds:.3f} s")

    def answered(self, response: Response, content: bytes) -> None:
        """The final response: its fields, and what it says, which the stages do not have."""
        for name, values in response.headers.getAllRawHeaders():
            for value in values:
                self._line("<", f"{_text(name)}: {_text(value)}")
        if content and response.code < 300:  # else it is told as the reason of the failure
            self._note(f"it says: {detail_of(response, content) or bytes_count(len(content))}")

    def _begin(self, moment: Moment) -> None:
        """Say where it goes from here, if that is news."""
        if moment.attempt == self._attempt:
            return
        if self._url not in {None, moment.url}:
            self._note(f"redirected to {moment.method} {moment.url}")
        elif self._attempt:
            self._note(f"attempt {moment.attempt}")
        self._url, self._attempt = moment.url, moment.attempt

    def _note(self, words: str) -> None:
        self._line("*", words)

    def _line(self, mark: str, text: str) -> None:
        if self._say is not None:
            shown = line_without_secrets(text, has_identifiers=self._has_identifiers)
            self._say(one_line(f"{mark} {shown}"))


def _text(field: bytes) -> str:
    """What is not UTF-8 is shown as what it is."""
    return field.decode("utf-8", "backslashreplace")

"""Runs a receiver until it is told to stop, and says what arrives."""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
from ipaddress import ip_address
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from filebody.cli._exit import ExitCode
from filebody.cli._screen import Screen
from filebody.cli._show import took
from filebody.cli._words import bytes_count, one_line, size
from filebody.receiver import (
    Aborted,
    Interrupted,
    Receiver,
    ReceiverConfig,
    ReceiverEvent,
    Refused,
    Served,
    Stored,
)

__all__ = ["Receiving"]

# A stop that takes no longer needs no words.
_AT_ONCE_SECONDS = 0.2
_DIGEST_DIGITS = 12
# An upload has its socket twice and its temporary file; the threads open directories besides.
_DESCRIPTORS_EACH = 3
_DESCRIPTORS_MORE = 256


class Receiving:
    """One run of `filebody receive`.

    Args:
        config: The receiver's settings.
        screen: Where to tell of it.
        quiet: Errors only.
        as_json: Events as JSON.
    """

    def __init__(
        self, config: ReceiverConfig, screen: Screen, *, quiet: bool, as_json: bool
    ) -> None:
        self._config = config
        self._screen = screen
        self._quiet = quiet
        self._as_json = as_json
        self._receiver: Receiver | None = None
        self._signal = 0
        self._was_cut_off = False
        self._told_to_stop: Deferred[None] = Deferred()

    def on_signal(self, number: int) -> None:
        """The first lets running transfers finish, the second aborts them."""
        if not self._signal:
            self._signal = number
            self._told_to_stop.callback(None)
        elif self._receiver is not None:
            self._receiver.stop(0)

    async def run(self, reactor: Any) -> int:
        """Receive until a signal comes; returns the exit code."""
        _allow_descriptors(self._config.max_connections * _DESCRIPTORS_EACH + _DESCRIPTORS_MORE)
        self._receiver = Receiver(self._config, reactor=reactor, on_event=self._on_event)
        await self._receiver.start()
        self._greet(self._receiver.url)
        await self._told_to_stop
        waiting = reactor.callLater(_AT_ONCE_SECONDS, self._tell_waiting)
        await self._receiver.stop()
        if waiting.active():
            waiting.cancel()
        if self._was_cut_off:
            return 128 + self._signal
        return ExitCode.OK

    def _tell_waiting(self) -> None:
        again = "Ctrl-C again" if self._signal == signal.SIGINT else "the signal again"
        over = "\r" if self._screen.terminal is not None else ""  # the ^C that the terminal shows
        seconds = f"{self._config.grace_seconds:g} s"
        self._screen.err(
            f"{over}filebody: stopping; transfers under way have {seconds} to finish "
            f"({again} aborts them)"
        )

    def _greet(self, url: str) -> None:
        if self._as_json:
            facts = {"event": "listening", "url": url, "directory": str(self._config.directory)}
            if self._config.public_url is not None:
                facts["public_url"] = self._config.public_url
            self._screen.out_json(facts)
            return
        if self._quiet:
            return
        config = self._config
        reachable = _reachable(url, config.host)
        token = "FILEBODY_TOKEN=... " if config.token is not None else ""
        shown = config.public_url or reachable
        cacert = f" --cacert {config.cert}" if config.cert and shown is reachable else ""
        limit = f", up to {size(config.max_size)} each" if config.max_size is not None else ""
        self._screen.err(
            f"receiving into {one_line(str(config.directory))} at {reachable}{limit}; "
            "Ctrl-C ends it\n"
            f"send with:  {token}filebody send{cacert} FILE {shown}"
        )

    def _on_event(self, event: ReceiverEvent) -> None:
        if isinstance(event, (Aborted, Interrupted)) and self._signal:
            self._was_cut_off = True
        if self._as_json:
            self._screen.out_json(_facts(event))
            return
        line = one_line(_line(event))
        if isinstance(event, (Refused, Aborted, Interrupted)):
            self._screen.err(line, "\x1b[33m")
        elif not self._quiet:
            self._screen.out(line, "\x1b[32m" if isinstance(event, Stored) else "")


def _allow_descriptors(count: int) -> None:
    """Raise the soft limit, which is often too low for as many connections as are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    with contextlib.suppress(OSError, ValueError):  # a lower limit of the system's own
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _line(event: ReceiverEvent) -> str:
    match event:
        case Stored():
            digits = event.sha256[:_DIGEST_DIGITS]
            again = " again" if event.replaced else ""
            words = took(event.size_bytes, event.seconds)
            return f"stored {event.name}{again}: {words}, sha256 {digits}…, from {event.peer}"
        case Served():
            words = took(event.size_bytes, event.seconds)
            return f"served {event.name}: {words}, to {event.peer}"
        case Refused():
            request = f"{event.method} {event.target}"
            return f"refused {request} of {event.peer}: {event.status}, {event.reason}"
        case Aborted():
            count = bytes_count(event.received_bytes)
            return f"aborted {event.name} of {event.peer} after {count}: {event.reason}"
        case Interrupted():
            count = bytes_count(event.offset)
            what = event.name or "a part of a file"
            return f"kept {count} of {what} from {event.peer}, to be resumed: {event.reason}"


def _facts(event: ReceiverEvent) -> dict[str, object]:
    facts: dict[str, object] = {"event": type(event).__name__.lower()}
    for name, value in attrs.asdict(event).items():
        facts[name.replace("size_bytes", "bytes")] = str(value) if name == "path" else value
    return facts


def _reachable(url: str, host: str) -> str:
    """The URL with a name in place of an address that means every interface."""
    if not ip_address(host.partition("%")[0]).is_unspecified:
        return url
    shown = f"[{host}]" if ":" in host else host
    return url.replace(shown, socket.gethostname(), 1)

"""From what was typed after `filebody send` to what is to be done."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from filebody.agent import Cookies, Expect, Options, Proxies, Proxy, RateLimit, Retries, Timeouts
from filebody.cli._course import Resumption
from filebody.cli._credentials import authorization, header_fields
from filebody.cli._form import parse_part
from filebody.cli._plan import plan, plan_trial
from filebody.cli._sources import Source
from filebody.cli._targets import Target
from filebody.cli._trust import trust
from filebody.cli._words import LONGEST_SECONDS, checked_seconds
from filebody.errors import UsageError
from filebody.resumable import MAX_PARTS

__all__ = ["SendOptions", "resume_options", "send_options", "try_options"]

# What cannot be said any more of what was begun, and what does not matter where nothing is sent.
_OF_WHAT_IS_BEGUN: Mapping[str, Any] = {
    "form": (),
    "compress": None,
    "method": None,
    "allow_changes": False,
    "resume": True,
    "parallel": 1,
    "retry": 0,
    "expect100_timeout": 0.0,
    "limit_rate": None,
    "fail_early": False,
    "stall_timeout": 60.0,
    "max_time": None,
    "verify_prefix": False,
}
# A trial is about the files alone: there is no server to trust, to wait for or to go back to.
_OF_A_TRIAL: Mapping[str, Any] = {
    **_OF_WHAT_IS_BEGUN,
    "resume": False,
    "give_up_after": 0.0,
    "headers": (),
    "token": None,
    "token_file": None,
    "user": None,
    "netrc": False,
    "netrc_file": None,
    "cert": None,
    "key": None,
    "cacert": None,
    "insecure": False,
    "proxy": None,
    "max_redirects": 0,
    "connect_timeout": 30.0,
    "response_timeout": 300.0,
}


@attrs.frozen(kw_only=True)
class SendOptions:
    """What `filebody send` is told.

    Attributes:
        sources: What to send.
        target: Where to, or None for a trial with a receiver of our own.
        method: PUT, POST or PATCH.
        coding: How to compress what is sent, or None.
        fields: Header fields.
        tls: Whose certificates count; None for those that the system's authorities signed.
        proxy: Which ones to go through.
        rate_limit: How fast all files may be together; None for no limit.
        exchange: What the agent is asked for with each file.
        resumption: Whether uploads are to be resumable, and how.
        allow_changes: Whether files may change while they are sent.
        fail_early: Whether to stop at the first failure.
        quiet: Errors only.
        verbose: Stages and heads on standard error.
        as_json: Results as JSON.
    """

    sources: Sequence[Source]
    target: Target | None
    method: str
    coding: str | None
    fields: Sequence[tuple[str, str]] = attrs.field(repr=False)
    tls: ssl.SSLContext | None
    proxy: Proxies
    rate_limit: RateLimit | None
    exchange: Options
    resumption: Resumption
    allow_changes: bool
    fail_early: bool
    quiet: bool
    verbose: bool
    as_json: bool


def send_options(given: Mapping[str, Any], *, warn: Callable[[str], None]) -> SendOptions:
    """Read the options.

    Args:
        given: As the command's parser has them, by their names.
        warn: Takes a line about what is dangerous.

    Raises:
        UsageError: They make no sense, alone or together.
    """
    parts = [parse_part(text) for text in given["form"]]
    sources, target = plan(given["arguments"], parts, given["name"], given["files"])
    return _options(given, sources, target, warn)


def resume_options(
    given: Mapping[str, Any], target: Target, *, warn: Callable[[str], None]
) -> SendOptions:
    """Read the options for what was begun, and is known by its checkpoint.

    Args:
        given: As the command's parser has them, by their names.
        target: Where it goes.
        warn: See `send_options`.

    Raises:
        UsageError: They make no sense, alone or together.
    """
    return _options({**_OF_WHAT_IS_BEGUN, **given}, (), target, warn)


def try_options(given: Mapping[str, Any], *, warn: Callable[[str], None]) -> SendOptions:
    """Read the options of a trial.

    Args:
        given: As the command's parser has them, by their names.
        warn: See `send_options`.

    Raises:
        UsageError: They make no sense, alone or together.
    """
    sources = plan_trial(given["arguments"], given["name"])
    return _options({**_OF_A_TRIAL, **given}, sources, None, warn)


def _options(
    given: Mapping[str, Any],
    sources: Sequence[Source],
    target: Target | None,
    warn: Callable[[str], None],
) -> SendOptions:
    if given["insecure"] and target is not None and target.origin.scheme == "https":
        host = target.origin.authority.decode()
        warn(f"filebody: --insecure: whoever answers for {host} is believed")
    rate: int | None = given["limit_rate"]
    if given["form"] and given["method"] not in {None, "POST"} and not given["quiet"]:
        warn(
            f"filebody: --form by {given['method']}: a server that knows no forms stores the form "
            "itself, with its boundaries"
        )
    return SendOptions(
        sources=sources,
        target=target,
        method=(given["method"] or ("POST" if given["form"] else "PUT")).upper(),
        coding=given["compress"],
        fields=_fields(given, target),
        tls=trust(
            given["cacert"], insecure=given["insecure"], cert=given["cert"], key=given["key"]
        ),
        proxy=_proxies(given["proxy"], target),
        rate_limit=RateLimit(rate) if rate is not None else None,
        exchange=_exchange(given),
        resumption=_resumption(given),
        allow_changes=given["allow_changes"],
        fail_early=given["fail_early"],
        quiet=given["quiet"],
        verbose=given["verbose"],
        as_json=given["as_json"],
    )


def _fields(given: Mapping[str, Any], target: Target | None) -> list[tuple[str, str]]:
    fields = header_fields(given["headers"])
    names = {name.lower() for name, _ in fields}
    if given["form"] and "content-type" in names:
        raise UsageError("the Content-Type of a form has its boundary in it: leave it to --form")
    if given["compress"] and "content-encoding" in names:
        raise UsageError("--compress sets Content-Encoding: leave out one of them")
    value = authorization(given, target)
    if value is not None:
        if "authorization" in names:
            raise UsageError(
                "both an Authorization field and other credentials: leave out one of them"
            )
        fields.append(("Authorization", value))
    return fields


def _exchange(given: Mapping[str, Any]) -> Options:
    connect_seconds = _seconds(given, "connect_timeout")
    continue_seconds = _seconds(given, "expect100_timeout") or 0.0
    retries = _count(given, "retry")
    return Options(
        timeouts=Timeouts(
            connect_seconds=connect_seconds,
            tls_seconds=connect_seconds,
            continue_seconds=continue_seconds,
            stall_seconds=_seconds(given, "stall_timeout"),
            response_seconds=_seconds(given, "response_timeout"),
            total_seconds=_seconds(given, "max_time"),
        ),
        expect=Expect.LARGE if continue_seconds else Expect.NEVER,
        # Who asks for retries was told what they may mean for POST and PATCH.
        retries=Retries(limit=retries, any_method=retries > 0),
        redirects=_count(given, "max_redirects"),
        cookies=Cookies(),  # for all files of a command: a balancer keeps them together
    )


def _resumption(given: Mapping[str, Any]) -> Resumption:
    wish, parallel = given["resume"], int(given["parallel"])
    if not 1 <= parallel <= MAX_PARTS:
        raise UsageError(f"--parallel is {parallel}: it must be 1 to {MAX_PARTS}")
    if parallel > 1:
        if wish is False:
            raise UsageError("--parallel needs what --no-resume turns off: leave out one of them")
        wish = True
    reasons = (
        (bool(given["form"]), "a form is sent in one request"),
        (given["compress"] is not None, "what is compressed on the way is sent in one request"),
        (given["allow_changes"], "a file that changes cannot be resumed"),
        ((given["method"] or "").upper() == "PATCH", "PATCH means something of its own there"),
    )
    reason = next((words for is_so, words in reasons if is_so), None)
    if wish and reason is not None:
        option = "--parallel" if parallel > 1 else "--resume"
        raise UsageError(f"{option} cannot be used here: {reason}")
    if wish is None and (reason is not None or given["method"] not in {None, "PUT"}):
        wish = False
    return Resumption(
        wish=wish,
        parallel=parallel,
        give_up_after_seconds=_seconds(given, "give_up_after") or LONGEST_SECONDS,
        verify_prefix=given["verify_prefix"],
    )


def _proxies(given: str | None, target: Target | None) -> Proxies:
    if target is None or given == "":  # a trial's receiver is on this machine
        return Proxies()
    if given is None:
        proxies = Proxies.from_environment()
        try:
            proxies.for_origin(target.origin)
        except UsageError as error:
            raise UsageError(f"{error}; --proxy '' goes without") from error
        return proxies
    try:
        proxy = Proxy.parse(given)
    except UsageError as error:
        raise UsageError(f"--proxy: {error}") from error
    # As with curl, NO_PROXY counts for this one too.
    exempt = {name: os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY")}
    exceptions = Proxies.from_environment(exempt).exceptions
    return Proxies(http=proxy, https=proxy, exceptions=exceptions)


def _seconds(given: Mapping[str, Any], name: str) -> float | None:
    """None for 0, which is for as long as it takes."""
    return checked_seconds(_option(name), given[name]) or None


def _count(given: Mapping[str, Any], name: str) -> int:
    count = int(given[name])
    if count < 0:
        raise UsageError(f"{_option(name)} is {count}: it must be 0 or more")
    return count


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"

"""Credentials of the Basic scheme."""

from __future__ import annotations

import base64

__all__ = ["format_basic"]


def format_basic(user: str, password: str) -> bytes:
    """Write a user name and password as the value of Authorization or Proxy-Authorization.

    Bytes of the command line that are not UTF-8 go out as they are (PEP 383).

    Source: RFC 7617 section 2; UTF-8, as section 2.1 wants it.
    """
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape"))

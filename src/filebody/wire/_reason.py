"""Reason: the sentence for people in the content of an error response.

Servers give it as plain text, HTML, XML (S3, WebDAV) or JSON (RFC 9457 and many others). The
content comes from anyone: it is read by patterns that are linear in its length, by no XML parser.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any, Final

from filebody.wire._printable import printable

__all__ = ["reason_of"]

# Longer than most sentences; a message is one line.
_MOST_CHARACTERS: Final = 160
_MOST_BYTES: Final = 1 << 16
_DEEPEST: Final = 4
_CHARSETS: Final = frozenset(
    {"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "utf-16"}
)
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|title|head)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)</title", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>?")
_CDATA = re.compile(r"<!\[CDATA\[([^\[\]]*)\]\]>")
# The elements and members that say it, the more special one first.
_MEMBERS: Final = (
    *("detail", "message", "error_description", "error_message", "errormessage", "description"),
    *("reason", "error", "errors", "msg", "title"),
)
_ELEMENT = re.compile(r"<(?:[\w-]+:)?([\w-]+)(?:\s[^<>]*)?>([^<]+)</", re.DOTALL)
# At the foot of an error page: nginx/1.24.0
_PROGRAM = re.compile(
    r"(nginx|openresty|caddy|cloudflare|apache|lighttpd|haproxy)\S*", re.IGNORECASE
)
# What names the kind of error, as S3's <Code> does: shown before the sentence.
_CODE: Final = "code"


def reason_of(
    content_type: str | None,
    content: bytes,
    status: int = 0,
    phrase: str = "",
    *,
    most_characters: int = _MOST_CHARACTERS,
) -> str:
    """Read what an error response says.

    Args:
        content_type: The value of Content-Type, or None.
        content: The content, or its beginning.
        status: The status code; a repetition of it is left out.
        phrase: The reason phrase that is shown with the status; left out as well.
        most_characters: The length to shorten it to.

    Returns:
        One line of printable text ; empty where nothing is said.
    """
    text = _decoded(content_type, content[:_MOST_BYTES]).strip()
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind.endswith("json") or (not kind and text[:1] in {"{", "["}):
        words = _of_json(text)
    elif kind.endswith("xml") and kind != "application/xhtml+xml" and not _is_html(text):
        words = _of_xml(text)
    elif kind in {"text/html", "application/xhtml+xml"} or _is_html(text):
        words = _of_html(text)
    elif text.startswith("<?xml"):
        words = _of_xml(text)
    elif not kind or kind.startswith("text/"):
        words = text
    else:
        return ""
    words = _line(words)
    if status and phrase:
        words = _without_status(words, status, phrase)
    return _shortened(words, most_characters)


def _decoded(content_type: str | None, content: bytes) -> str:
    named = _CHARSET.search(content_type or "")
    charset = named[1].lower() if named is not None else "utf-8"
    return content.decode(charset if charset in _CHARSETS else "utf-8", "replace")


def _is_html(text: str) -> bool:
    return re.match(r"<(!doctype html|html|head|body)\b", text, re.IGNORECASE) is not None


def _of_json(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # cut off, or none
        return text
    return _said(value, _DEEPEST) or text


def _said(value: Any, depth: int) -> str | None:
    """The sentence in a value of JSON."""
    if isinstance(value, str):
        return value.strip() or None
    if depth == 0:
        return None
    if isinstance(value, list):
        return next((words for one in value[:8] if (words := _said(one, depth - 1))), None)
    if not isinstance(value, dict):
        return None
    members = {str(name).lower(): one for name, one in value.items()}
    for name in _MEMBERS:
        words = _said(members.get(name), depth - 1)
        if words:
            title = members.get("title")
            is_apart = name == "detail" and isinstance(title, str) and title.strip() != words
            return f"{title}: {words}" if is_apart and str(title).strip() else words
    return None


def _of_xml(text: str) -> str:
    plain = _CDATA.sub(lambda match: html.escape(match[1]), text)
    said: dict[str, str] = {}
    for name, content in _ELEMENT.findall(plain):
        said.setdefault(name.lower(), html.unescape(content).strip())
    words = next((said[name] for name in _MEMBERS if said.get(name)), "")
    code = said.get(_CODE, "")
    if words and code and code.lower() not in words.lower():
        return f"{code}: {words}"
    return words or code or html.unescape(_TAG.sub(" ", plain))


def _of_html(text: str) -> str:
    words = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", text))).strip()
    title = _TITLE.search(text)
    return words or (html.unescape(title[1]) if title is not None else "")


def _line(text: str) -> str:
    """The words in one line, without what could steer a terminal."""
    return printable(" ".join(text.split()))


def _without_status(words: str, status: int, phrase: str) -> str:
    """Leave out what the status line says already: error pages repeat it, and name the program."""
    number = rf"(?:(?:http/[\d.]+\s+|error:?\s+|status:?\s+)?{status}\b[\s:.-]*)?"
    repeated = re.compile(rf"(?:{number}{re.escape(phrase)}\b[\s:.!-]*)+", re.IGNORECASE)
    match = repeated.match(words)
    rest = words if match is None else words[match.end() :]
    return "" if match is not None and _PROGRAM.fullmatch(rest) else rest


def _shortened(words: str, most_characters: int) -> str:
    if len(words) <= most_characters:
        return words.removesuffix(".")
    cut = words[: most_characters - 1]
    end = cut.rfind(" ")
    return f"{cut[:end] if end > most_characters // 2 else cut}…"

"""Request heads by a grammar, then damaged: from a seed, so that each can be made again."""

from __future__ import annotations

import base64
import random
from typing import Final

__all__ = ["damaged_head"]

_METHODS: Final = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "put", "TRACE", "A"]
_ID: Final = "x" * 32
_TARGETS: Final = [
    *("/", "/name", "/a/b", "/name?x=y", "*", "", "//", "/.uploads/" + _ID, "/.uploads/", "/d/"),
    *("/%2e%2e/x", "/%00", "/%zz", "/\xff", "/é", "http://127.0.0.1/x", "http://[x", "a:b", "/a#b"),
    *("/a/.uploads/" + _ID, "/.uploads/%c3%a9", "?", "/" + "a" * 300, "/" + "a/" * 1100),
]
_CODECS: Final = [
    "utf-8",
    "UTF-8",
    "idna",
    "punycode",
    "undefined",
    "a%00",
    "hex",
    "utf-16",
    "",
    "é",
]
_VALUES: Final = [
    *("", " ", "0", "1", "3", "-1", "1e3", "0x1", "9" * 15, "9" * 16, "9" * 5000, "?0", "?1", "?2"),
    *(
        "a",
        "a, b",
        "a;b=c",
        '"a"',
        '"',
        "\\",
        "*",
        "%",
        "é",
        "\xff\xfe",
        "null",
        "\t",
        ",",
        ";",
        "=",
    ),
    *(
        "partial",
        "final;",
        "final;/.uploads/" + _ID,
        "final;http://[x",
        "final;a b",
        "final;//",
        "²",
    ),
    *("http://127.0.0.1", "http://a.example", "http://[x", "https://é", "1.0.0", "8", "10", "6"),
    *("sha-256=:AAAA:", "sha-256=:" + "A" * 43 + "=:", "sha-256=1", ":", "sha1 AAAA", "sha256 !"),
    *(
        "filename YQ==",
        "filename",
        "a !",
        "name YQ==,name YQ==",
        "bytes=0-1",
        "bytes=-",
        "bytes=5-1",
    ),
    *("gzip", "zstd", "br", "identity", "gzip, zstd", "x-gzip", "chunked", "close", "keep-alive"),
    *("multipart/form-data; boundary=b", "application/offset+octet-stream", "text/plain", "[]"),
    *(
        "application/partial-upload",
        "Bearer token",
        "Basic eDp5",
        "PATCH",
        "ÿ",
        "100-continue",
        "()",
    ),
    *(
        "attachment; filename=a",
        'a; filename="a',
        "a;" + ";" * 500,
        "Content-Digest",
        "upload-checksum",
    ),
]
_FIELDS: Final = [
    *("Host", "Origin", "Authorization", "Content-Length", "Transfer-Encoding", "Content-Type"),
    *("Content-Encoding", "Content-Range", "Content-Digest", "Repr-Digest", "Content-Disposition"),
    *("Expect", "Connection", "Range", "If-Range", "If-Match", "If-None-Match", "Trailer", "X-Any"),
    *("Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Defer-Length", "Upload-Metadata"),
    *("Upload-Concat", "Upload-Checksum", "Upload-Complete", "Upload-Draft-Interop-Version"),
    *("X-HTTP-Method-Override", "Access-Control-Request-Method", "Access-Control-Request-Headers"),
    *("Sec-Fetch-Site", "Upgrade", "HTTP2-Settings", "Upload-Limit"),
]
_SETS: Final = [
    {},
    {"Tus-Resumable": "1.0.0", "Upload-Length": "3"},
    {"Tus-Resumable": "1.0.0", "Upload-Concat": "partial", "Upload-Length": "0"},
    {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": _VALUES[-9]},
    {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?1"},
    {"Upload-Draft-Interop-Version": "10", "Upload-Complete": "?0", "Upload-Length": "3"},
    {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT"},
]


def damaged_head(choice: random.Random) -> bytes:
    """Make a head and the three bytes of a body; most are not what any client would send."""
    pick = choice.choice
    method = pick(_METHODS[:7]) if choice.random() < 0.8 else pick(_METHODS)
    fields = [("Host", "127.0.0.1")] if choice.random() < 0.9 else []
    fields += pick(_SETS).items()
    if choice.random() < 0.7:
        fields.append(("Content-Length", "3"))
    fields += [(pick(_FIELDS), _value(choice)) for _ in range(choice.randrange(5))]
    choice.shuffle(fields)
    version = "1.1" if choice.random() < 0.9 else pick(["1.0", "2.0", "0.9", "1.2", ""])
    lines = [f"{method} {pick(_TARGETS)} HTTP/{version}"]
    lines += [f"{name}:{pick(['', ' ', '  '])}{value}" for name, value in fields]
    head = "\r\n".join([*lines, "", ""]).encode("utf-8" if choice.random() < 0.5 else "latin-1")
    head += b"abc"
    if choice.random() < 0.3:
        head = _hurt(choice, head)
    return head


def _value(choice: random.Random) -> str:
    pick = choice.choice
    kind = choice.random()
    if kind < 0.6:
        return pick(_VALUES)
    if kind < 0.7:
        return (
            f"a; filename*={pick(_CODECS)}'{pick(['', 'en'])}'{pick(['x', '%ff', '%c3%a9', '%'])}"
        )
    if kind < 0.8:
        name = choice.randbytes(choice.randrange(6))
        return f"filename {base64.b64encode(name).decode()}"
    if kind < 0.9:
        return pick(_VALUES) + pick([",", ";", "=", " ", "; ", "\t"]) + pick(_VALUES)
    return "".join(chr(choice.randrange(1, 256)) for _ in range(choice.randrange(8)))


def _hurt(choice: random.Random, head: bytes) -> bytes:
    data = bytearray(head)
    for _ in range(choice.randrange(1, 4)):
        place = choice.randrange(len(data) + 1)
        kind = choice.randrange(4)
        if kind == 0:
            data[place:place] = choice.randbytes(choice.randrange(1, 4))
        elif kind == 1:
            del data[place : place + choice.randrange(1, 10)]
        elif kind == 2:
            start = choice.randrange(len(data) + 1)
            data[place:place] = data[start : start + choice.randrange(20)]
        elif place < len(data):
            data[place] = choice.randrange(256)
    return bytes(data)

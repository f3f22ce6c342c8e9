"""Request heads by a grammar, then damaged: from a seed, so that each can be made again."""

from __future__ import annotations

import base64
import random
from typing import Final

__all__ = ["UPLOAD_ID", "damaged_head"]

_METHODS: Final = ["POST", "PUT", "GET", "HEAD", "PATCH", "POST", "DELETE", "OPTIONS", "put", "A"]
UPLOAD_ID: Final = b"x" * 32
_ID: Final = UPLOAD_ID.decode()
_TARGETS: Final = [
    *(
        "/",
        "/",
        "/",
        "/d/",
        "/name",
        "/name",
        "/a/b",
        "/name?x=y",
        "*",
        "",
        "//",
        "/.uploads/" + _ID,
        "/.uploads/",
        "/d/",
    ),
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
    *(
        "",
        " ",
        "0",
        "1",
        "-1",
        "1e3",
        "0x1",
        "9" * 16,
        "?0",
        "a",
        "a, b",
        "a;b=c",
        '"a"',
        '"',
        "\\",
    ),
    *(
        "*",
        "%",
        "é",
        "\xff\xfe",
        "null",
        "\t",
        ",",
        ";",
        "=",
        "²",
        "[]",
        "()",
        ":",
        "ÿ",
        "\x85",
        "\xa0",
    ),
]
_OWN: Final[dict[str, list[str]]] = {
    "Host": ["127.0.0.1", "[::1]:80", "localhost", "evil.example", "[", "a b", "127.0.0.1:x"],
    "Origin": [
        "http://127.0.0.1",
        "http://a.example",
        "null",
        "http://[x",
        "https://é",
        "a b",
        "x, ",
    ],
    "Authorization": ["Bearer token", "Bearer tokén", "Basic eDp5", "Bearer", "bearer  token "],
    "Content-Length": ["3", "3, 3", "03", "+3", "9" * 30, "4", "0"],
    "Transfer-Encoding": ["chunked", "gzip", "chunked, chunked", "Chunked", "identity"],
    "Content-Type": [
        *("multipart/form-data; boundary=b", "application/offset+octet-stream", "text/plain"),
        *("application/partial-upload", "application/x-www-form-urlencoded", ";", "é/é"),
    ],
    "Content-Encoding": ["gzip", "zstd", "br", "identity", "gzip, zstd", "x-gzip", "é"],
    "Content-Range": ["bytes 0-2/3", "bytes */3"],
    "Content-Digest": [
        "sha-256=:AAAA:",
        "sha-256=1",
        "a=(1 2);b",
        ":",
        "sha-256=:" + "A" * 43 + "=:",
    ],
    "Repr-Digest": ["sha-512=:AAAA:", "sha-256=?1", "sha-256", "SHA-256=::", "é=1"],
    "Content-Disposition": [
        *(f"a; filename*={codec}''x" for codec in _CODECS),
        *(f"a; filename*={codec}'en'%ff%c3" for codec in _CODECS),
        *(
            "attachment; filename=a",
            'a; filename="a',
            "a; filename*0=a; filename*1*=b%",
            "a; filename*",
        ),
        *('a; filename="../x"', "a; filename=\xff", 'a; filename="\\', "a;" + ";" * 500),
    ],
    "Expect": ["100-continue", "100-Continue, x", "é"],
    "Connection": ["close", "keep-alive", "upgrade", "close, close"],
    "Range": [
        "bytes=0-1",
        "bytes=-",
        "bytes=5-1",
        "bytes=²-",
        "bytes=" + "9" * 30 + "-",
        "lines=1-2",
    ],
    "If-Range": ['"a"'],
    "If-Match": ["*"],
    "If-None-Match": ["*", '"a"'],
    "Trailer": ["Content-Digest", "upload-checksum", "é"],
    "Tus-Resumable": ["1.0.0", "0.2.2", "é"],
    "Upload-Length": ["3", "0", "9" * 15, "9" * 5000, "²", "1e3", "3;a=b", "?1"],
    "Upload-Offset": ["0", "3", "²", "-1", "0;x", '"0"'],
    "Upload-Defer-Length": ["1", "0"],
    "Upload-Metadata": [
        *("filename YQ==", "filename", "a !", "name YQ==,name YQ==", "filename /////w==", "é YQ=="),
        *("filename Li4veA==,", "filename AAAA", "a YQ==,,b", "filename 7aCA"),
    ],
    "Upload-Concat": [
        *(
            "partial",
            "final;",
            "final;/.uploads/" + _ID,
            "final;http://[x",
            "final;a b",
            "final;//",
        ),
        *(
            "final;//[/.uploads/" + _ID,
            "final;http://é/.uploads/x",
            "PARTIAL ",
            "final;\x85",
            "partial;a",
        ),
    ],
    "Upload-Checksum": ["sha1 AAAA", "sha256 !", "x YQ==", "sha1", "é YQ=="],
    "Upload-Complete": ["?0", "?1", "?2", "1", "?1;a"],
    "Upload-Draft-Interop-Version": ["8", "10", "6", "3", "8.0", "9" * 16, "8;a=é"],
    "X-HTTP-Method-Override": ["PATCH", "DELETE", "HEAD", "options", "ÿ", "µ", "ß", ""],
    "Access-Control-Request-Method": ["PUT", "é"],
    "Access-Control-Request-Headers": ["a, b", "a,", "é", " , "],
    "Sec-Fetch-Site": ["same-origin", "cross-site"],
    "Upgrade": ["h2c", "websocket"],
    "X-Any": ["x"],
}
_FIELDS: Final = list(_OWN)
_SETS: Final = [
    {},
    {"Tus-Resumable": "1.0.0", "Upload-Length": "3"},
    {"Tus-Resumable": "1.0.0", "Upload-Concat": "partial", "Upload-Length": "0"},
    {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    },
    {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?1"},
    {"Upload-Draft-Interop-Version": "10", "Upload-Complete": "?0", "Upload-Length": "3"},
    {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT"},
]


def damaged_head(choice: random.Random) -> bytes:
    """Make a head and the three bytes of a body; most are not what any client would send."""
    pick = choice.choice
    method = pick(_METHODS[:8]) if choice.random() < 0.8 else pick(_METHODS)
    fields = [("Host", "127.0.0.1")] if choice.random() < 0.9 else []
    fields += pick(_SETS).items()
    if choice.random() < 0.7:
        fields.append(("Content-Length", "3"))
    names = [pick(_FIELDS) for _ in range(choice.randrange(5))]
    fields += [(name, _value(choice, name)) for name in names]
    choice.shuffle(fields)
    version = "1.1" if choice.random() < 0.9 else pick(["1.0", "2.0", "0.9", "1.2", ""])
    lines = [f"{method} {pick(_TARGETS)} HTTP/{version}"]
    lines += [f"{name}:{pick(['', ' ', '  '])}{value}" for name, value in fields]
    head = "\r\n".join([*lines, "", ""]).encode("utf-8" if choice.random() < 0.5 else "latin-1")
    head += b"abc"
    if choice.random() < 0.3:
        head = _hurt(choice, head)
    return head


def _value(choice: random.Random, name: str) -> str:
    pick = choice.choice
    kind = choice.random()
    if kind < 0.6:
        return pick(_OWN[name])
    if kind < 0.7:
        return pick(_VALUES)
    if kind < 0.75:
        content = choice.randbytes(choice.randrange(6))
        return f"filename {base64.b64encode(content).decode()}"
    if kind < 0.9:
        return pick(_OWN[name]) + pick([",", ";", "=", " ", "; ", "\t"]) + pick(_VALUES)
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

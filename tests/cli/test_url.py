"""Each thing that is typed where the URL belongs has its own message, and nothing is sent."""

from pathlib import Path

import pytest

from filebody.cli._url import begins_as_url, is_misplaced_url, no_url, parse_url
from filebody.errors import UsageError

LONGEST_MESSAGE = 160


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "there is no URL.*is a variable unset"),
        ("-", "- is the standard input"),
        ("file", "there is no URL: file is a file of this machine.*filebody try"),
        ("folder", "there is no URL: folder is a directory"),
        ("log:80", "there is no URL: log:80 is a file"),
        ("ftp://h/", "only, not by ftp:"),
        ("s3://bucket/key", "only, not by s3:"),
        ("S3:bucket", "only, not by s3:"),
        ("foo://bar", "only, not by foo:"),
        ("htp://h/x", "no scheme htp://; write http://h/x$"),
        ("htttps://h/x", "no scheme htttps://; write https://h/x$"),
        ("http:/h/up/", "write http://h/up/$"),
        ("HTTPS//h/up/", "write https://h/up/$"),
        ("http;//h", "write http://h$"),
        ("http:h", "write http://h$"),
        ("http:", "needs a host"),
        ("http", "needs a host"),
        ("https:/", "needs a host"),
        ("http:///x", "its host is missing"),
        ("http://h:0x50/", "its port is no number"),
        ("localhost:8080", "write http://localhost:8080$"),
        (":8080/up/", "write http://localhost:8080/up/$"),
        ("[::1]:80/", r"write http://\[::1\]:80/$"),
        ("host.example:80/up/", "write http://host.example:80/up/$"),
        ("nas:/backup", "a path for scp or rsync"),
        ("user@nas:backup", "a path for scp or rsync"),
        ("example.com/upload/", "such as https://example.com/upload/$"),
        ("//example.com/upload/", "such as https://example.com/upload/$"),
        ("localhost", "such as https://localhost$"),
        (" http://h/", "a space around it"),
        ("http://h/ ", "write %20"),
        ('"http://h/"', "no file, and no URL"),
        ("$URL", "no file, and no URL"),
        ("/no/such/", "no file, and no URL"),
        ("new\nline", r"new\\nline is no file"),
    ],
)
def test_no_url(typed: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "log:80").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words) as caught:
        parse_url(typed)
    assert len(str(caught.value)) <= LONGEST_MESSAGE


def test_the_beginning_tells() -> None:
    assert begins_as_url("HTTPS://h")
    assert not begins_as_url("httpx://h")
    assert is_misplaced_url("s3://bucket/key")
    assert not is_misplaced_url("a:b")
    assert "no URL" in str(no_url("a"))

"""Tests of the bodies in `form_body` and `pattern_body`; trial and pytest run them."""

from form_body import FormBody
from pattern_body import PatternBody
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from filebody import BytesBody, FileBodyProducer
from filebody.testing import check_body, check_producer

FORM = (
    b"--B\r\n"
    b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
    b"hello\r\n"
    b"--B--\r\n"
)


class BodyTests(TestCase):
    def test_form(self) -> None:
        check_body(lambda: FormBody("file", "a.txt", BytesBody(b"hello"), "B"), FORM)

    def test_pattern(self) -> None:
        check_body(lambda: PatternBody(b"abc", 10), b"abcabcabca")

    def test_producer(self) -> Deferred[None]:
        return check_producer(
            lambda: FileBodyProducer(PatternBody(b"abc", 10), readSize=4), b"abcabcabca"
        )

"""Conformance checks, for users' own bodies and producers as well as for filebody's.

    def test_my_body() -> None:
        check_body(lambda: MyBody(b"content"), b"content")

They need no test framework: a broken promise is an AssertionError that says which one it was.
"""

from filebody.testing._bodies import check_body
from filebody.testing._producers import check_producer

__all__ = ["check_body", "check_producer"]

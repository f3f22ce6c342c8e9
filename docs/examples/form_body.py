"""A body made of others: one file in a form (multipart/form-data, RFC 7578)."""

from filebody import Body, BytesBody, ConcatBody, Reader


class FormBody(Body):
    """One field of a form with a file in it.

    Args:
        field: The field's name.
        file_name: The file's name.
        content: The file.
        boundary: Ends the file; must not be in it.
    """

    def __init__(self, field: str, file_name: str, content: Body, boundary: str) -> None:
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{field}"; filename="{file_name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        tail = f"\r\n--{boundary}--\r\n"
        self._whole = ConcatBody(BytesBody(head.encode()), content, BytesBody(tail.encode()))
        self.length = self._whole.length
        self.replayable = self._whole.replayable
        self.source = content.source

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        return self._whole.open(offset, stop)

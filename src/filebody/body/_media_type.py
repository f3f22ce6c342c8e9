"""What kind of content a file has, by its name."""

import mimetypes
import os

__all__ = ["guess_media_type"]


def guess_media_type(filename: str) -> str:
    """What `mimetypes` knows for the name's extension, or application/octet-stream."""
    # By the extension alone: `mimetypes` takes a name such as data:text/html for a URL with a type.
    kind, encoding = mimetypes.guess_type("file" + os.path.splitext(filename)[1])
    return kind if kind is not None and encoding is None else "application/octet-stream"

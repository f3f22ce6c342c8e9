"""The page that lists a directory: plain HTML that needs no script."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import attrs

from filebody.wire import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filebody.receiver._names import Target

__all__ = ["MAX_ENTRIES", "MAX_NAME_BYTES", "Entry", "listing", "shown_size"]

# A page of more is of no use, and would have to be built in memory.
MAX_ENTRIES: Final = 10_000
MAX_NAME_BYTES: Final = 512 * 1024

_STYLE: Final = """\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .6rem; text-align: left; border-bottom: 1px solid #8884; }
td:first-child { overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
p { color: GrayText; }"""


@attrs.frozen
class Entry:
    """One line of a listing: name, kind, size in bytes, and seconds since the epoch."""

    name: str
    is_directory: bool
    size_bytes: int
    modified: float


def listing(target: Target, entries: Iterable[Entry], *, more: bool) -> str:
    """Write the page of a directory: directories first, then by name.

    Args:
        target: The directory.
        entries: What to list.
        more: Whether there are entries that are not listed.
    """
    title = escape(printable("/" + "".join(f"{segment}/" for segment in target.name)))
    ordered = sorted(entries, key=lambda entry: (not entry.is_directory, entry.name))
    rows = [_row(entry) for entry in ordered]
    if target.name:
        rows.insert(0, '<tr><td><a href="../">../</a></td><td></td><td></td></tr>')
    note = f"<p>Only {len(ordered)} entries are shown.</p>" if more else ""
    if not rows:
        note = "<p>Nothing has been stored here yet.</p>"
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<h1>{title}</h1>
<table>
<thead>
<tr><th>Name</th><th class="number">Size</th><th class="number">Changed (UTC)</th></tr>
</thead>
<tbody>
{chr(10).join(rows)}
</tbody>
</table>
{note}
</body>
</html>
"""


def shown_size(size_bytes: int) -> str:
    """Write a size for human eyes, in decimal units: 999 B, 1.0 kB, 12.3 MB."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    size, units = size_bytes / 1000, ["kB", "MB", "GB", "TB", "PB", "EB"]
    while size >= 999.95:  # would be rounded to 1000.0
        size /= 1000
        del units[0]
    return f"{size:.1f} {units[0]}"


def _row(entry: Entry) -> str:
    slash = "/" if entry.is_directory else ""
    # "./" keeps a name with a colon from being read as a scheme (RFC 3986 section 4.2).
    link = f"./{quote(entry.name, safe='')}{slash}"
    size = "" if entry.is_directory else shown_size(entry.size_bytes)
    changed = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.modified))
    return (
        f'<tr><td><a href="{link}">{escape(printable(entry.name))}{slash}</a></td>'
        f'<td class="number">{size}</td><td class="number">{changed}</td></tr>'
    )

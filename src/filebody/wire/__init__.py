"""What stands on the wire: URIs, and the words of both protocols for resumable uploads.

Values and pure functions: how a field is called, what may stand in it, how it is written. What to
do about it is decided elsewhere.
"""

from __future__ import annotations

from filebody.wire._basic import format_basic
from filebody.wire._checksum import CHECKSUM_ALGORITHMS, Checksum, format_checksum, parse_checksum
from filebody.wire._concat import Concat, format_concat, parse_concat
from filebody.wire._dates import parse_http_date, parse_retry_after
from filebody.wire._dialects import DIALECTS, Dialect, dialect_of
from filebody.wire._disposition import parse_filename
from filebody.wire._fields import (
    IETF_MEDIA_TYPE,
    MEDIA_TYPE_PROBLEM,
    RESUMPTION_SUPPORTED,
    TUS_CHECKSUM_MISMATCH,
    TUS_MEDIA_TYPE,
    TUS_VERSION,
    Field,
)
from filebody.wire._limits import UploadLimits, format_limits, parse_limits
from filebody.wire._metadata import format_metadata, parse_metadata
from filebody.wire._numbers import MAX_SIZE_BYTES, parse_tus_size
from filebody.wire._printable import printable
from filebody.wire._problems import Problem, ProblemType, format_problem, parse_problem
from filebody.wire._reason import reason_of
from filebody.wire._scope import is_bound_to_origin
from filebody.wire._structured import format_bool, parse_bool, parse_integer
from filebody.wire._uri import Origin, Target, parse_authority, parse_target, to_a_labels

__all__ = [
    "CHECKSUM_ALGORITHMS",
    "DIALECTS",
    "IETF_MEDIA_TYPE",
    "MAX_SIZE_BYTES",
    "MEDIA_TYPE_PROBLEM",
    "RESUMPTION_SUPPORTED",
    "TUS_CHECKSUM_MISMATCH",
    "TUS_MEDIA_TYPE",
    "TUS_VERSION",
    "Checksum",
    "Concat",
    "Dialect",
    "Field",
    "Origin",
    "Problem",
    "ProblemType",
    "Target",
    "UploadLimits",
    "dialect_of",
    "format_basic",
    "format_bool",
    "format_checksum",
    "format_concat",
    "format_limits",
    "format_metadata",
    "format_problem",
    "is_bound_to_origin",
    "parse_authority",
    "parse_bool",
    "parse_checksum",
    "parse_concat",
    "parse_filename",
    "parse_http_date",
    "parse_integer",
    "parse_limits",
    "parse_metadata",
    "parse_problem",
    "parse_retry_after",
    "parse_target",
    "parse_tus_size",
    "printable",
    "reason_of",
    "to_a_labels",
]

"""Conditional requests for a content that has a modification time and no entity tag (RFC 9110 §13)."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from aiofrp.wire.http.dates import parse_date

#: The fields that are read here, in lower case.
FIELDS = frozenset(
    (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range")
)
#: Modification times that mean "unknown".
_NO_DATE = (0, None)


class Verdict(enum.Enum):
    """The result of evaluating a request's conditions; the values are the statuses of the answers."""

    SEND = 200
    NOT_MODIFIED = 304
    FAILED = 412


def judge_conditions(fields: Mapping[bytes, bytes], modified: int | None) -> Verdict:
    """Evaluate the conditions of a GET or HEAD request.

    ``fields``: the fields of :data:`FIELDS` that the request has, names in lower case. ``modified``: when the content
    was last changed, in seconds since 1970; 0 or ``None``: unknown.
    """
    if not _passes(fields, modified):
        return Verdict.FAILED
    if (tags := fields.get(b"if-none-match")) is not None:
        return Verdict.NOT_MODIFIED if tags.strip() == b"*" else Verdict.SEND
    if (text := fields.get(b"if-modified-since")) and modified not in _NO_DATE:
        since = parse_date(text)
        if since is not None and modified is not None and modified <= since:
            return Verdict.NOT_MODIFIED
    return Verdict.SEND


def _passes(fields: Mapping[bytes, bytes], modified: int | None) -> bool:
    """Whether If-Match holds, or without it If-Unmodified-Since. A content without a tag matches ``*`` only."""
    if (tags := fields.get(b"if-match")) is not None:
        return tags.strip() == b"*"
    text = fields.get(b"if-unmodified-since")
    since = parse_date(text) if text and modified not in _NO_DATE else None
    return since is None or modified is None or modified <= since


def wanted_range(fields: Mapping[bytes, bytes], modified: int | None) -> bytes:
    """The value of the Range field, or ``b""`` when the whole content is to be sent.

    That is so without a Range field, and when the date in If-Range is not ``modified``. Arguments as for
    :func:`judge_conditions`.
    """
    asked = fields.get(b"range", b"")
    if asked and (text := fields.get(b"if-range")) is not None:
        since = parse_date(text)
        if since is None or modified in _NO_DATE or since != modified:
            return b""
    return asked

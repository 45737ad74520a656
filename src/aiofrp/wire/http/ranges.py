"""Range requests (RFC 9110 §14): the parser of the Range field, and the body of a response with several ranges."""

from __future__ import annotations

import re
from typing import NamedTuple

from aiofrp.errors import RemoteProtocolError

#: Most ranges of one request; a request for more gets the whole content (RFC 9110 §14.2).
MAX_RANGES = 100

_UNIT = b"bytes="
_NUMBER = rb"(?:0*+[0-9]{1,18}|0++)?"
_ONE = re.compile(rb"(%b)[ \t]*-[ \t]*(%b)" % (_NUMBER, _NUMBER))


class ByteRange(NamedTuple):
    """A range of bytes of a content."""

    start: int  #: position of the first byte, from 0
    length: int  #: bytes, above 0

    def field(self, size: int) -> bytes:
        """The value of the Content-Range field for a content of ``size`` bytes."""
        return b"bytes %d-%d/%d" % (self.start, self.start + self.length - 1, size)


class RangeError(RemoteProtocolError):
    """A Range field that is malformed; the answer is 416."""


class NoOverlap(RangeError):
    """All ranges begin after the end of the content; the answer is 416 with the size in Content-Range."""


def parse_ranges(value: bytes, size: int) -> list[ByteRange]:
    """The ranges that the Range field ``value`` selects in a content of ``size`` bytes; an empty list: all of it.

    Ranges that begin after the end are left out. The list is empty for more than :data:`MAX_RANGES` ranges and for more
    than ``size`` bytes in total. Raises :class:`NoOverlap` when no range is left, and :class:`RangeError` for a
    malformed field.
    """
    if not value.startswith(_UNIT):
        raise RangeError("invalid range")
    asked = [part for text in value[len(_UNIT) :].split(b",") if (part := text.strip(b" \t"))]
    found = [_range(part, size) for part in asked]
    ranges = [part for part in found if part is not None]
    if asked and not ranges:
        if size:
            raise NoOverlap("invalid range: failed to overlap")
        return []  # the content is empty: some clients send Range with every request to limit responses
    if len(ranges) > MAX_RANGES or sum(part.length for part in ranges) > size:
        return []
    return ranges


def _range(text: bytes, size: int) -> ByteRange | None:
    """One range, or ``None`` when it begins after the end. Raises :class:`RangeError` for a malformed one."""
    form = _ONE.fullmatch(text)
    if form is None:
        raise RangeError("invalid range")
    first, last = form.groups()
    if not first:
        if not last:
            raise RangeError("invalid range")
        length = min(int(last), size)
        return ByteRange(size - length, length) if length else None
    start = int(first)
    end = int(last) if last else max(start, size - 1)
    if end < start:
        raise RangeError("invalid range")
    return ByteRange(start, min(end + 1, size) - start) if start < size else None


class Multipart:
    """The body of a response with several ranges, ``multipart/byteranges`` (RFC 9110 §14.6).

    The body is ``heads[0]``, the first range, ``heads[1]``, the second range and so on, then ``tail``. ``type``: its
    Content-Type. ``length``: its bytes.
    """

    __slots__ = ("heads", "length", "tail", "type")

    def __init__(self, ranges: list[ByteRange], size: int, content_type: bytes, boundary: bytes) -> None:
        """``size``: bytes of the whole content. ``boundary`` must not occur in the content."""
        self.type = b"multipart/byteranges; boundary=" + boundary
        self.heads = [
            b"%b--%b\r\nContent-Range: %b\r\nContent-Type: %b\r\n\r\n"
            % (b"\r\n" if number else b"", boundary, part.field(size), content_type)
            for number, part in enumerate(ranges)
        ]
        self.tail = b"\r\n--%b--\r\n" % boundary
        self.length = sum(map(len, self.heads)) + sum(part.length for part in ranges) + len(self.tail)

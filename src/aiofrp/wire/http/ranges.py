"""Which bytes of a content a request asks for (RFC 9110 §14), and how several ranges are sent at once."""

from __future__ import annotations

import re
from typing import NamedTuple

from aiofrp.errors import RemoteProtocolError

#: Ranges of one request that are answered; one that asks for more gets the whole content (RFC 9110 §14.2).
MAX_RANGES = 100

_UNIT = b"bytes="
_NUMBER = rb"(?:0*+[0-9]{1,18}|0++)?"
_ONE = re.compile(rb"(%b)[ \t]*-[ \t]*(%b)" % (_NUMBER, _NUMBER))


class ByteRange(NamedTuple):
    """Some bytes of a content."""

    start: int  #: of the first byte, from 0
    length: int

    def field(self, size: int) -> bytes:
        """The value of Content-Range for it in a content of ``size`` bytes."""
        return b"bytes %d-%d/%d" % (self.start, self.start + self.length - 1, size)


class RangeError(RemoteProtocolError):
    """A Range field that cannot be answered."""


class NoOverlap(RangeError):
    """All ranges lie behind the end of the content."""


def parse_ranges(value: bytes, size: int) -> list[ByteRange]:
    """The ranges that a Range field asks for of a content of ``size`` bytes; none: all of it is sent.

    Ranges behind the end are left out, and so is a field with more than :data:`MAX_RANGES`, or that asks for more
    bytes than there are. Raises :class:`NoOverlap` when nothing is left of one that was well formed, and
    :class:`RangeError` for one that was not.
    """
    if not value.startswith(_UNIT):
        raise RangeError("invalid range")
    asked = [part for text in value[len(_UNIT) :].split(b",") if (part := text.strip(b" \t"))]
    found = [_range(part, size) for part in asked]
    ranges = [part for part in found if part is not None]
    if asked and not ranges:
        if size:
            raise NoOverlap("invalid range: failed to overlap")
        return []  # some clients limit the size of every response in this way
    if len(ranges) > MAX_RANGES or sum(part.length for part in ranges) > size:
        return []
    return ranges


def _range(text: bytes, size: int) -> ByteRange | None:
    """One range, or ``None`` when it lies behind the end."""
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

    ``heads`` has what stands before each range, ``tail`` what follows the last one.
    """

    __slots__ = ("heads", "length", "tail", "type")

    def __init__(self, ranges: list[ByteRange], size: int, content_type: bytes, boundary: bytes) -> None:
        """``size``: of the whole content. ``boundary`` must not occur in it."""
        self.type = b"multipart/byteranges; boundary=" + boundary
        self.heads = [
            b"%b--%b\r\nContent-Range: %b\r\nContent-Type: %b\r\n\r\n"
            % (b"\r\n" if number else b"", boundary, part.field(size), content_type)
            for number, part in enumerate(ranges)
        ]
        self.tail = b"\r\n--%b--\r\n" % boundary
        #: Bytes of the whole body.
        self.length = sum(map(len, self.heads)) + sum(part.length for part in ranges) + len(self.tail)

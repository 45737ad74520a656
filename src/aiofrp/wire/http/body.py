"""Where an HTTP/1 body ends (RFC 9112 §6, §7). Bodies pass unchanged and are only counted here.

A body says how many bytes of each piece belong to it and whether it is complete. It keeps none of them, except the
decoded payload when ``decode`` is set.
"""

from __future__ import annotations

import re
from typing import Protocol

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.http.head import CHUNKED, UNTIL_EOF, plain_name

Buffer = bytes | memoryview

#: Bytes of one chunk-size line with its extensions, and of all trailer fields together.
MAX_CHUNK_LINE, MAX_TRAILERS = 4096, 16 * 1024

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?")
#: The same in responses: some services pad the size with blanks.
_SERVICES_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)")
#: Fields that a trailer must not have, because they act on framing, routing or credentials (RFC 9110 §6.5.1).
_FORBIDDEN_TRAILERS = frozenset(
    b"content-length transfer-encoding host trailer connection upgrade te authorization proxy-authorization "
    b"content-encoding content-type content-range "
    b"forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip".split()
)


class Body(Protocol):
    """A body that is being received. Call :meth:`receive_data` until ``done``, or :meth:`receive_eof` at EOF."""

    done: bool
    """Whether the body is complete."""

    def receive_data(self, data: Buffer, /) -> int:
        """Return how many bytes of ``data`` belong to the body; those after them follow the body.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` when the body is malformed.
        """

    def receive_eof(self) -> None:
        """The connection ended. Raises :class:`~aiofrp.errors.RemoteProtocolError` when the body is incomplete."""


class SizedBody:
    """A body of exactly ``size`` bytes; 0 is an empty body, which is complete at once."""

    __slots__ = ("_left", "done")

    def __init__(self, size: int) -> None:
        self._left = size
        self.done = not size

    def receive_data(self, data: Buffer, /) -> int:
        size = len(data)
        if size < self._left:
            self._left -= size
            return size
        size, self._left, self.done = self._left, 0, True
        return size

    def receive_eof(self) -> None:
        if self._left:
            raise RemoteProtocolError(f"the connection ended {self._left} bytes before the body")


class BodyUntilEof:
    """A body that lasts until the connection ends."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def receive_data(self, data: Buffer, /) -> int:
        return len(data)

    def receive_eof(self) -> None:
        self.done = True


class ChunkedBody:
    """A body in chunks. The grammar is strict, so that every other parser finds the same end.

    With ``decode``, ``payload`` collects the payload until :meth:`take`, and ``trailers`` has the fields after the
    last chunk. ``of_service``: blanks may follow the size of a chunk.
    """

    __slots__ = (
        "_chunk_line",
        "_decode",
        "_left",
        "_line",
        "_state",
        "_trailers_size",
        "done",
        "payload",
        "trailers",
    )

    def __init__(self, decode: bool = False, *, of_service: bool = False) -> None:
        self.done = False
        self.payload: list[Buffer] = []
        self.trailers: list[tuple[bytes, bytes]] = []  # limited by MAX_TRAILERS
        self._decode = decode
        self._chunk_line = _SERVICES_CHUNK_LINE if of_service else _CHUNK_LINE
        self._state = _SIZE
        self._left = 0  # bytes of the chunk's data
        self._line = b""  # the beginning of a line, limited by MAX_CHUNK_LINE or MAX_TRAILERS
        self._trailers_size = 0

    def take(self) -> list[Buffer]:
        """The payload received since the last call; empty without ``decode``."""
        payload, self.payload = self.payload, []
        return payload

    def receive_data(self, data: Buffer, /) -> int:
        position, size = 0, len(data)
        while position < size and not self.done:
            if self._state == _DATA:
                position = self._receive_chunk(data, position)
            else:
                position = self._receive_line(data, position)
        return position

    def receive_eof(self) -> None:
        if not self.done:
            raise RemoteProtocolError("the connection ended in the middle of a body in chunks")

    # Private

    def _receive_chunk(self, data: Buffer, position: int) -> int:
        end = min(len(data), position + self._left)
        if self._decode:
            self.payload.append(memoryview(data)[position:end])
        self._left -= end - position
        if not self._left:
            self._state = _CHUNK_END
        return end

    def _receive_line(self, data: Buffer, position: int) -> int:
        limit = _LINE_LIMITS[self._state]
        known = len(self._line)
        line = self._line + data[position : position + limit - known]
        end = line.find(b"\n", known)
        if end >= 0:
            if not end or line[end - 1] != _CR:
                raise RemoteProtocolError("a bare LF in a body in chunks")
            self._line = b""
            self._end_line(line[: end - 1])
            return position + end + 1 - known
        if len(line) == limit:
            raise RemoteProtocolError(f"no end of line within {limit} bytes of a body in chunks")
        self._line = line
        return position + len(line) - known

    def _end_line(self, line: bytes) -> None:
        if self._state == _SIZE:
            found = self._chunk_line.fullmatch(line)
            if found is None:
                raise RemoteProtocolError("malformed chunk size")
            self._left = int(found[1], 16)
            self._state = _DATA if self._left else _TRAILERS
        elif self._state == _CHUNK_END:  # the limit of this line is its CRLF, so it is empty
            self._state = _SIZE
        elif line:
            self._add_trailer(line)
        else:
            self.done = True

    def _add_trailer(self, line: bytes) -> None:
        self._trailers_size += len(line)
        found = _TRAILER.fullmatch(line)
        if found is None or self._trailers_size > MAX_TRAILERS:
            raise RemoteProtocolError("malformed trailer field")
        if not may_be_trailer(found[1]):
            raise RemoteProtocolError(f"field {found[1].decode()} may not come after a body")
        if self._decode:
            self.trailers.append((found[1], found[2].strip(b" \t")))


_CR = 0x0D
_SIZE, _DATA, _CHUNK_END, _TRAILERS = range(4)
_LINE_LIMITS = {_SIZE: MAX_CHUNK_LINE, _CHUNK_END: 2, _TRAILERS: MAX_TRAILERS}


#: Done from the beginning, so that nothing of it changes: all messages without a body share it.
_EMPTY = SizedBody(0)


def body_of(size: int, *, decode: bool = False, of_service: bool = False) -> Body:
    """The body for a head's ``body_size``: bytes, :data:`~aiofrp.wire.http.head.CHUNKED` or
    :data:`~aiofrp.wire.http.head.UNTIL_EOF`. ``decode`` and ``of_service`` as for :class:`ChunkedBody`."""
    if size == CHUNKED:
        return ChunkedBody(decode, of_service=of_service)
    if size == UNTIL_EOF:
        return BodyUntilEof()
    return SizedBody(size) if size else _EMPTY


def may_be_trailer(name: bytes) -> bool:
    """Whether a trailer field may have this name."""
    return plain_name(name) not in _FORBIDDEN_TRAILERS


def encode_chunk(data: Buffer) -> bytes:
    """``data``, which is not empty, as one chunk."""
    return b"".join((b"%x\r\n" % len(data), data, b"\r\n"))


#: The end of a body in chunks without trailers.
LAST_CHUNK = b"0\r\n\r\n"

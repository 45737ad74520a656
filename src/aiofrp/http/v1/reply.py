"""A service's response as an HTTP/1 user gets it: how its body is framed, and whether the connection persists."""

from __future__ import annotations

import enum

from aiofrp.http.answers import http_date
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.body import LAST_CHUNK, Body, ChunkedBody, body_of, encode_chunk
from aiofrp.wire.http.forward import HeaderChanges, encode_reply
from aiofrp.wire.http.head import CHUNKED, UNTIL_EOF, Field, RequestHead, ResponseHead


class _Coding(enum.Enum):
    """How the bytes of a body are framed for the user."""

    AS_IT_IS = 0
    CHUNK = 1  # the body runs to EOF; it is re-framed as chunked so that the user's connection stays
    UNCHUNK = 2  # the body is chunked, which HTTP/1.0 does not know: only its payload is sent


_CHUNKED = (b"Transfer-Encoding", b"chunked")


class Reply:
    """One response that is being sent. ``body`` counts what the service sends of it. ``keep``: the user's connection
    persists afterwards."""

    __slots__ = ("_coding", "_head", "body", "keep")

    def __init__(
        self, head: ResponseHead, size: int, request: RequestHead, changes: HeaderChanges, keep: bool
    ) -> None:
        """``head``: the service's response to ``request``. ``size``: bytes of its body,
        :data:`~aiofrp.wire.http.head.CHUNKED` or :data:`~aiofrp.wire.http.head.UNTIL_EOF`. ``keep``: the connection
        may persist; HTTP/1.0 and ``changes`` may forbid it."""
        minor = request.minor
        self.keep = keep and not changes.closes
        self._coding = _Coding.AS_IT_IS
        framing = self._frame(head, size, minor)
        more = (*framing, *connection_fields(minor, self.keep))
        self._head = encode_reply(head, minor, changes, http_date, more)
        self.body: Body = body_of(size, decode=self._coding is _Coding.UNCHUNK, of_service=True)

    def encode(self, data: Buffer) -> Buffer:
        """The bytes to send for ``data`` of the service's body, which ``body`` has counted before. The result of the
        first call begins with the head."""
        if self._coding is not _Coding.AS_IT_IS:
            data = self._encode(data)
        if self._head:
            data, self._head = self._head + data, b""
        return data

    @property
    def tail(self) -> bytes:
        """The bytes to send after the whole body."""
        return LAST_CHUNK if self._coding is _Coding.CHUNK else b""

    def _frame(self, head: ResponseHead, size: int, minor: int) -> list[Field]:
        """The fields that say where the body ends."""
        if size >= 0:
            lengths = head.noted.get(b"content-length")
            return [(b"Content-Length", lengths[0])] if lengths and head.status != 204 else []
        if not minor:
            self.keep = False
            self._coding = _Coding.UNCHUNK if size == CHUNKED else _Coding.AS_IT_IS
            return []
        if size == UNTIL_EOF:
            self._coding = _Coding.CHUNK
            return [_CHUNKED]
        return [_CHUNKED, *((b"Trailer", names) for names in head.noted.get(b"trailer", ()))]

    def _encode(self, data: Buffer) -> bytes:
        if self._coding is _Coding.UNCHUNK:
            assert isinstance(self.body, ChunkedBody)
            return b"".join(self.body.take())
        return encode_chunk(data) if data else b""


def connection_fields(minor: int, keep: bool) -> tuple[Field, ...]:
    """The Connection field for a user of HTTP/1.``minor`` where ``keep`` is not the version's default; else none."""
    if minor:
        return () if keep else ((b"Connection", b"close"),)
    return ((b"Connection", b"keep-alive"),) if keep else ()

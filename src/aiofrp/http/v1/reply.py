"""A service's response as an HTTP/1 user gets it: how it is framed, and whether the connection goes on after it."""

from __future__ import annotations

import enum

from aiofrp.http.answers import http_date
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.body import LAST_CHUNK, Body, ChunkedBody, body_of, encode_chunk
from aiofrp.wire.http.forward import HeaderChanges, encode_response, response_fields
from aiofrp.wire.http.head import CHUNKED, UNTIL_EOF, Field, RequestHead, ResponseHead


class _Coding(enum.Enum):
    """How the bytes of a body are framed for the user."""

    AS_IT_IS = 0
    CHUNK = 1  # the body runs to EOF; it is re-framed as chunked so that the user's connection stays
    UNCHUNK = 2  # comes in chunks, which HTTP/1.0 does not know


class Reply:
    """One response on its way. ``body`` counts what the service sends; ``keep`` tells whether the user's connection
    goes on afterwards."""

    __slots__ = ("_coding", "_head", "body", "keep")

    def __init__(
        self, head: ResponseHead, size: int, request: RequestHead, changes: HeaderChanges, keep: bool
    ) -> None:
        """``size``: what the service's body is framed by (see :mod:`aiofrp.wire.http.head`). ``keep``: whether the
        connection may go on."""
        fields = response_fields(head, changes, http_date)
        self.keep = keep and not changes.closes
        self._coding = _Coding.AS_IT_IS
        self._frame(fields, head, size, request.minor)
        fields += connection_fields(request.minor, self.keep)
        self._head = encode_response(head.status, head.reason, request.minor, fields)
        self.body: Body = body_of(size, decode=self._coding is _Coding.UNCHUNK, of_service=True)

    def encode(self, data: Buffer) -> Buffer:
        """What to write for ``data`` of the service's body, which was just counted; the first time with the head."""
        if self._coding is not _Coding.AS_IT_IS:
            data = self._encode(data)
        if self._head:
            data, self._head = self._head + data, b""
        return data

    @property
    def tail(self) -> bytes:
        """What to write after all of the body."""
        return LAST_CHUNK if self._coding is _Coding.CHUNK else b""

    def _frame(self, fields: list[Field], head: ResponseHead, size: int, minor: int) -> None:
        lengths = head.noted.get(b"content-length")
        if size in (CHUNKED, UNTIL_EOF):
            if not minor:
                self.keep = False
                self._coding = _Coding.UNCHUNK if size == CHUNKED else _Coding.AS_IT_IS
                return
            fields.append((b"Transfer-Encoding", b"chunked"))
            if size == UNTIL_EOF:
                self._coding = _Coding.CHUNK
            else:
                fields += [(b"Trailer", names) for names in head.noted.get(b"trailer", ())]
        elif lengths and head.status != 204:
            fields.append((b"Content-Length", lengths[0]))

    def _encode(self, data: Buffer) -> bytes:
        if self._coding is _Coding.UNCHUNK:
            assert isinstance(self.body, ChunkedBody)
            return b"".join(self.body.take())
        return encode_chunk(data) if data else b""


def connection_fields(minor: int, keep: bool) -> tuple[Field, ...]:
    """What tells a user of HTTP/1.``minor`` whether its connection goes on, where that does not go without saying."""
    if minor:
        return () if keep else ((b"Connection", b"close"),)
    return ((b"Connection", b"keep-alive"),) if keep else ()

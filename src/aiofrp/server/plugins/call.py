"""One request to an HTTP service and its whole response, over connections that are kept."""

from __future__ import annotations

import asyncio
import zlib
from typing import NamedTuple

from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.http.heads import ResponseHeads
from aiofrp.http.upstream import Upstream, UpstreamConnection
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.body import Body, ChunkedBody, body_of
from aiofrp.wire.http.head import ResponseHead

#: Bytes of the body of an answer, also after it is decompressed.
MAX_ANSWER = 1024 * 1024
#: Of connections that no user has.
_NO_SOURCE = ("", 0)
_GZIP = 31  # window bits of zlib for the format of gzip


class Fetched(NamedTuple):
    """A final response. ``body`` is empty for every status but 200."""

    status: int
    location: str  #: where a redirect leads, or empty
    body: bytes


class PluginCall:
    """One request under way; the receiver of its connection. Await :meth:`reply` once.

    A kept connection that ends without a byte of a response was closed by the service before it got the request: the
    request is sent once more, over a new one.
    """

    __slots__ = (
        "_body",
        "_connection",
        "_future",
        "_head",
        "_heads",
        "_parts",
        "_request",
        "_size",
        "_upstream",
    )

    def __init__(self, upstream: Upstream, request: bytes) -> None:
        self._upstream = upstream
        self._request = request
        self._future: asyncio.Future[Fetched] = asyncio.get_running_loop().create_future()
        self._connection: UpstreamConnection | None = None
        self._heads = ResponseHeads()
        self._head: ResponseHead | None = None
        self._body: Body | None = None
        self._parts: list[bytes] = []  # of the body; limited by MAX_ANSWER
        self._size = 0

    async def reply(self) -> Fetched:
        """The response. Raises :class:`~aiofrp.errors.FrpError`; the connection is dropped then, and when the caller
        is cancelled."""
        self._upstream.take(_NO_SOURCE, self._connected, self.fail)
        try:
            return await self._future
        finally:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.user = None
                connection.abort()

    def fail(self, error: FrpError) -> None:
        """End the call with ``error``, unless it has ended."""
        if not self._future.done():
            self._future.set_exception(error)

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        """More of the response."""
        try:
            self._receive(data)
        except RemoteProtocolError as exc:
            self.fail(exc)

    def eof_received(self) -> None:
        """The service has finished, which is the end of some bodies."""
        if self._body is None:
            self._lost(Closed("EOF"))
            return
        try:
            self._body.receive_eof()
            self._finish()
        except RemoteProtocolError as exc:
            self.fail(exc)

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The connection is gone."""
        self._lost(exc if isinstance(exc, FrpError) else Closed("EOF"))

    def pause_writing(self) -> None:
        """A request is written at once."""

    def resume_writing(self) -> None:
        """Nothing waits to be written."""

    # Private

    def _connected(self, connection: UpstreamConnection) -> None:
        if self._future.done():
            connection.release()
            return
        self._connection = connection
        connection.user = self
        connection.write(self._request)

    def _lost(self, error: FrpError) -> None:
        connection = self._connection
        if connection is not None and connection.reused and self._heads.untouched:
            connection.close()
            self._connection = None
            self._upstream.take(_NO_SOURCE, self._connected, self.fail, fresh=True)
        else:
            self.fail(error)

    def _receive(self, data: Buffer) -> None:
        if self._head is None:
            self._heads.receive_data(data)
            self._head = self._next_final()
            if self._head is None:
                return
            data = self._heads.rest()
            self._begin(self._head)
        if self._body is None or self._future.done():
            return
        self._take(self._body, data)

    def _next_final(self) -> ResponseHead | None:
        while (head := self._heads.next_head()) is not None:
            if head.status >= 200 or head.status == 101:
                return head
        return None

    def _begin(self, head: ResponseHead) -> None:
        if head.status == 200:
            self._body = body_of(head.body_size, decode=True, of_service=True)
            return
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # its body is not wanted
        location = _field(head, b"location").decode("utf-8", "replace")
        self._future.set_result(Fetched(head.status, location, b""))

    def _take(self, body: Body, data: Buffer) -> None:
        used = body.receive_data(data)
        parts = body.take() if isinstance(body, ChunkedBody) else [data[:used]]
        self._size += sum(map(len, parts))
        if self._size > MAX_ANSWER:
            raise RemoteProtocolError(f"the answer has more than {MAX_ANSWER} bytes")
        self._parts += map(bytes, parts)
        if body.done:
            self._finish(whole=used == len(data))

    def _finish(self, *, whole: bool = False) -> None:
        """The body is complete; ``whole``: and nothing follows it."""
        head, connection = self._head, self._connection
        assert head is not None
        assert connection is not None
        text = b"".join(self._parts)
        if _field(head, b"content-encoding").lower() == b"gzip":
            text = _decompressed(text)
        self._connection = None
        if whole and head.keep_alive:
            connection.release()
        else:
            connection.close()
        self._future.set_result(Fetched(head.status, "", text))


def _field(head: ResponseHead, name: bytes) -> bytes:
    for key, value in head.fields:
        if key.lower() == name:
            return value.strip()
    return b""


def _decompressed(data: bytes) -> bytes:
    unpack = zlib.decompressobj(_GZIP)
    try:
        text = unpack.decompress(data, MAX_ANSWER + 1)
    except zlib.error as exc:
        raise RemoteProtocolError(f"gzip: {exc}") from None
    if len(text) > MAX_ANSWER:
        raise RemoteProtocolError(f"the answer has more than {MAX_ANSWER} bytes")
    if not unpack.eof:
        raise RemoteProtocolError("gzip: unexpected end of the answer")
    return text

"""The response to one request of an HTTP/2 user, on the way from its exchange to the user's stream."""

from __future__ import annotations

from typing import Protocol

from aiofrp.errors import FrpError, RemoteProtocolError
from aiofrp.http.answers import Answer, http_date
from aiofrp.http.exchange import Failure
from aiofrp.http.site import Site
from aiofrp.http.upstream import UpstreamConnection
from aiofrp.http.v2.head import response_headers
from aiofrp.http.v2.stream import Headers, Stream2, send_answer
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.body import Body, ChunkedBody, body_of
from aiofrp.wire.http.forward import HeaderChanges, response_fields
from aiofrp.wire.http.head import CHUNKED, RequestHead, ResponseHead


class ResponseOwner(Protocol):
    """The request, as its response uses it."""

    def expect_answer(self) -> None:
        """The service has all of the request."""

    def hold(self) -> None:
        """Read no more of the request's body for now."""

    def release(self) -> None:
        """Read more of it."""

    def answering(self) -> None:
        """The response begins: nothing has to come in time any more."""

    def over(self) -> None:
        """The exchange is over."""

    def give_up(self) -> None:
        """The user takes no response."""


class Response2:
    """The user of the exchange: an :class:`~aiofrp.http.exchange.ExchangeUser`."""

    __slots__ = ("_body", "_changes", "_owner", "_request", "_site", "_stream", "source")

    def __init__(
        self,
        owner: ResponseOwner,
        site: Site,
        source: tuple[str, int],
        stream: Stream2,
        request: RequestHead,
        changes: HeaderChanges,
    ) -> None:
        """``source``: the user's address. ``changes``: the fields set in the response."""
        self.source = source
        self._owner = owner
        self._site = site
        self._stream = stream
        self._request = request
        self._changes = changes
        self._body: Body | None = None

    @property
    def full(self) -> bool:
        return self._stream.full

    def request_sent(self) -> None:
        self._owner.expect_answer()

    def pause_writing(self) -> None:
        self._owner.hold()

    def resume_writing(self) -> None:
        self._owner.release()

    def inform(self, head: ResponseHead) -> None:
        if head.status != 100 or self._request.body_size:
            self._stream.send_headers(response_headers(head, head.fields))

    def begin(self, head: ResponseHead, size: int) -> Body:
        self._owner.answering()
        fields = response_fields(head, self._changes, http_date)
        if size != CHUNKED and b"content-length" in head.noted and head.status != 204:
            fields.append((b"content-length", head.noted[b"content-length"][0]))
        self._stream.send_headers(response_headers(head, fields))
        self._body = body_of(size, decode=True, of_service=True)
        return self._body

    def data_received(self, data: Buffer, /) -> None:
        if self._stream.closed:  # it took no such head
            self._owner.give_up()
        elif isinstance(self._body, ChunkedBody):
            for piece in self._body.take():
                self._stream.write(piece)
        else:
            self._stream.write(data)

    def eof_received(self) -> None:
        trailers: Headers = []
        if isinstance(self._body, ChunkedBody):
            trailers = [(name.lower(), value) for name, value in self._body.trailers]
        self._stream.end(trailers)
        self._stream.close()
        self._owner.over()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._owner.over()
        self._site.broke_off(self._request, exc)
        self._stream.reset()

    def switched(self, head: ResponseHead, connection: UpstreamConnection, early: bytes) -> None:
        """HTTP/2 has no upgrades, so that none was asked for."""
        connection.abort()
        self.connection_lost(RemoteProtocolError("the service switched protocols unasked"))

    def answer(self, answer: Answer) -> None:
        self._owner.over()
        send_answer(self._stream, answer, self._request.method)

    def failed(self, failure: Failure, error: FrpError) -> None:
        self.answer(self._site.failed(self._request, failure, error))

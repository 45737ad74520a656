"""One request of an HTTP/2 user to a service of HTTP/1.1."""

from __future__ import annotations

from h2.errors import ErrorCodes

from aiofrp.errors import FrpError, RemoteProtocolError
from aiofrp.http.answers import http_date, too_slow
from aiofrp.http.deadline import BODY_LEAST, BODY_WINDOW, Deadline
from aiofrp.http.exchange import Exchange, Failure
from aiofrp.http.site import RequestRoute, Site
from aiofrp.http.upstream import UpstreamConnection
from aiofrp.http.v2.head import last_chunk, response_headers
from aiofrp.http.v2.stream import Headers, Stream2, send_answer
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.body import Body, ChunkedBody, body_of, encode_chunk
from aiofrp.wire.http.forward import encode_request, response_fields
from aiofrp.wire.http.head import CHUNKED, RequestHead, ResponseHead


class Request2:
    """One request of an HTTP/2 user to a service of HTTP/1.1: receiver of the user's stream, and user of the exchange.

    The service gets the request whole only once its stream has ended: what follows a body of the announced length may
    make the request malformed (RFC 9113 §8.1.1).
    """

    __slots__ = (
        "_body",
        "_coming",
        "_deadline",
        "_exchange",
        "_held",
        "_last",
        "_left",
        "_request",
        "_route",
        "_site",
        "_stream",
        "source",
    )

    def __init__(
        self,
        site: Site,
        source: tuple[str, int],
        stream: Stream2,
        request: RequestHead,
        route: RequestRoute,
        ended: bool,
    ) -> None:
        """``source``: the user's address. ``ended``: the stream ended with the head."""
        self.source = source
        self._site = site
        self._stream = stream
        self._request = request
        self._route = route
        self._body: Body | None = None
        self._coming = not ended
        self._left = request.body_size  # bytes of an announced body that are still to come
        self._last = b""  # the end of such a body, until the stream ends; limited by the size of a frame
        self._held = False
        self._deadline = Deadline(self._miss)
        head = encode_request(
            request, route.request_fields(request, source[0].encode()), route.rewrite, route.connection
        )
        self._exchange: Exchange | None = Exchange(self, route.next(), request, head)
        stream.attach(self)
        self._expect_body()
        if ended or request.body_size:
            self._exchange.start()

    @property
    def full(self) -> bool:
        return self._stream.full

    # Receiver of the stream

    def data_received(self, data: Buffer, /) -> None:
        if self._exchange is None:
            return
        self._deadline.moved(len(data))
        if self._request.body_size == CHUNKED:
            self._pass_on(encode_chunk(data))
        else:
            self._count(data)

    def eof_received(self) -> None:
        if self._coming:
            self._coming = False
            self._deadline.clear()
            if self._exchange is not None and not self._request.body_size:
                self._exchange.start()
        chunked = self._request.body_size == CHUNKED
        self._pass_on(last_chunk(self._stream.trailers) if chunked else self._last, last=True)

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._give_up()

    def pause_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.resume()

    def _count(self, data: Buffer) -> None:
        """Send more of a body whose length was announced, except its end."""
        self._left -= len(data)
        if self._left < 0:
            self._malformed()
        elif self._left or not data:
            self._pass_on(data)
        else:
            self._last = bytes(data)

    def _malformed(self) -> None:
        self._stream.reset(ErrorCodes.PROTOCOL_ERROR)
        self._give_up()

    def _pass_on(self, data: Buffer, *, last: bool = False) -> None:
        """Send more of the body, framed as the service gets it. A body of another length than was announced is
        malformed, and so is its stream (RFC 9113 §8.1.1)."""
        exchange = self._exchange
        if exchange is None:
            return
        try:
            if exchange.send(data) != len(data):
                raise RemoteProtocolError("more body than the head announced")
            if last:
                exchange.end()
        except RemoteProtocolError:
            self._malformed()

    def _give_up(self) -> None:
        """There is nobody to answer any more."""
        self._deadline.close()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()

    # User of the exchange

    def request_sent(self) -> None:
        self._deadline.set(self._site.response_timeout)

    def pause_request(self) -> None:
        if not self._held:
            self._held = True
            self._stream.pause_reading()
        if self._coming:
            self._deadline.clear()

    def resume_request(self) -> None:
        if self._held:
            self._held = False
            self._stream.resume_reading()
            self._expect_body()

    def inform(self, head: ResponseHead) -> None:
        if head.status != 100 or self._request.body_size:
            self._stream.send_headers(response_headers(head, head.fields))

    def begin(self, head: ResponseHead, size: int) -> Body:
        self._deadline.close()
        fields = response_fields(head, self._route.response, http_date)
        if size != CHUNKED and b"content-length" in head.noted and head.status != 204:
            fields.append((b"content-length", head.noted[b"content-length"][0]))
        self._stream.send_headers(response_headers(head, fields))
        self._body = body_of(size, decode=True, of_service=True)
        return self._body

    def send(self, data: Buffer, done: bool) -> None:
        if self._stream.closed:  # it took no such head
            self._give_up()
            return
        trailers: Headers = []
        if isinstance(self._body, ChunkedBody):
            for piece in self._body.take():
                self._stream.write(piece)
            trailers = [(name.lower(), value) for name, value in self._body.trailers]
        else:
            self._stream.write(data)
        if done:
            self._stream.end(trailers)
            self._stream.close()

    def finished(self) -> None:
        self._exchange = None

    def switched(self, head: ResponseHead, connection: UpstreamConnection, early: bytes) -> None:
        """HTTP/2 has no upgrades, so that none was asked for."""
        connection.abort()
        self.broken(RemoteProtocolError("the service switched protocols unasked"))

    def failed(self, failure: Failure, error: FrpError) -> None:
        self._exchange = None
        self._deadline.close()
        send_answer(self._stream, self._site.failed(self._request, failure, error), self._request.method)

    def broken(self, error: Exception | None) -> None:
        self._exchange = None
        self._site.broke_off(self._request, error)
        self._stream.reset()

    def _expect_body(self) -> None:
        """The rest of the request comes in time, as long as there is no response."""
        if self._coming and self._body is None and self._exchange is not None:
            self._deadline.pace(BODY_WINDOW, BODY_LEAST)

    def _miss(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        if self._coming:
            self._exchange = None
            exchange.abandon()
            send_answer(self._stream, too_slow(), self._request.method)
        else:
            exchange.time_out()

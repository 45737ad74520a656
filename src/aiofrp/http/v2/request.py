"""One request of an HTTP/2 user: its body goes to its exchange, framed as HTTP/1.1 has it, within time limits."""

from __future__ import annotations

from h2.errors import ErrorCodes

from aiofrp.errors import RemoteProtocolError
from aiofrp.http.answers import too_slow
from aiofrp.http.deadline import BODY_LEAST, BODY_WINDOW, Deadline
from aiofrp.http.exchange import Exchange
from aiofrp.http.site import RequestRoute, Site
from aiofrp.http.v2.head import last_chunk
from aiofrp.http.v2.response import Response2
from aiofrp.http.v2.stream import Stream2, send_answer
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.body import encode_chunk
from aiofrp.wire.http.head import CHUNKED, RequestHead


class Request2:
    """The receiver of the user's stream. The response is that of a :class:`~aiofrp.http.v2.response.Response2`.

    The service gets the request whole only once its stream has ended: what follows a body of the announced length may
    make the request malformed (RFC 9113 §8.1.1).
    """

    __slots__ = (
        "_coming",
        "_deadline",
        "_exchange",
        "_held",
        "_last",
        "_left",
        "_request",
        "_site",
        "_stream",
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
        self._site = site
        self._stream = stream
        self._request = request
        self._coming = not ended
        self._left = request.body_size  # bytes of an announced body that are still to come
        self._last = b""  # the end of such a body, until the stream ends; limited by the size of a frame
        self._held = False
        self._deadline = Deadline(self._miss)
        response = Response2(self, site, source, stream, request, route.response)
        self._exchange: Exchange | None = route.exchange(response, request, source[0].encode())
        stream.attach(self)
        self._expect_body()
        if ended or request.body_size:
            self._exchange.start()

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
        self.give_up()

    def pause_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.resume()

    # For the response

    def expect_answer(self) -> None:
        """The service has all of the request."""
        self._deadline.set(self._site.response_timeout)

    def hold(self) -> None:
        """Read no more of the body for now."""
        if not self._held:
            self._held = True
            self._stream.pause_reading()
        if self._coming:
            self._deadline.clear()

    def release(self) -> None:
        """Read more of the body."""
        if self._held:
            self._held = False
            self._stream.resume_reading()
            self._expect_body()

    def answering(self) -> None:
        """The response begins: nothing has to come in time any more."""
        self._deadline.close()

    def over(self) -> None:
        """The exchange is over."""
        self._exchange = None
        self._deadline.close()

    def give_up(self) -> None:
        """There is nobody to answer any more."""
        exchange = self._exchange
        self.over()
        if exchange is not None:
            exchange.abandon()

    # Private

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
        self.give_up()

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

    def _expect_body(self) -> None:
        """The rest of the request comes in time, as long as there is no response."""
        if self._coming and self._exchange is not None and not self._exchange.responding:
            self._deadline.pace(BODY_WINDOW, BODY_LEAST)

    def _miss(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        if self._coming:
            self.give_up()
            send_answer(self._stream, too_slow(), self._request.method)
        else:
            exchange.time_out()

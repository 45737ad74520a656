"""One request of an HTTP/1 user and its response, on the user's side: the request's body out, the response in.

The :class:`~aiofrp.http.v1.user.User1` decides what comes before and after.
"""

from __future__ import annotations

from typing import Protocol

from aiofrp.errors import FrpError
from aiofrp.http.answers import Answer, http_date
from aiofrp.http.exchange import Exchange, Failure
from aiofrp.http.site import RequestRoute
from aiofrp.http.upstream import UpstreamConnection
from aiofrp.http.v1.reply import Reply
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.wire.http.body import Body
from aiofrp.wire.http.forward import encode_response, response_fields
from aiofrp.wire.http.head import RequestHead, ResponseHead


class RequestOwner(Protocol):
    """The connection a request came on, as the request uses it."""

    @property
    def source(self) -> tuple[str, int]:
        """The user's address."""

    @property
    def stream(self) -> Stream:
        """Where the response is written."""

    @property
    def full(self) -> bool:
        """Whether the user takes no more for now."""

    def expect_answer(self) -> None:
        """The service has all of the request."""

    def expect_body(self, on: bool, /) -> None:
        """The request's body has to come in time, or it is not read for now."""

    def may_keep(self, request: RequestHead, /) -> bool:
        """Whether the connection may go on after the response to ``request``."""

    def begun(self) -> None:
        """The head of the response is here: nothing has to come in time any more."""

    def progressed(self) -> None:
        """Some of the response was written."""

    def answered(self, keep: bool, *, linger: bool) -> None:
        """The response is complete; ``keep``: the connection goes on. ``linger``: the user may have sent more, which
        is for nobody."""

    def tunnel(self, connection: UpstreamConnection, early: bytes, /) -> None:
        """The connection is a tunnel now; ``early`` came from the service after its head."""

    def answer(self, request: RequestHead, answer: Answer, /) -> None:
        """The program itself answers."""

    def failed(self, request: RequestHead, failure: Failure, error: FrpError, /) -> None:
        """There is no response."""

    def broken(self, request: RequestHead, error: Exception | None, /) -> None:
        """The response broke off."""


class Request1:
    """The user of an exchange: an :class:`~aiofrp.http.exchange.ExchangeUser`."""

    __slots__ = ("_changes", "_held", "_reply", "_user", "exchange", "request", "source")
    __deletable__ = ("exchange",)  # for mypyc

    exchange: Exchange

    def __init__(self, user: RequestOwner, request: RequestHead, route: RequestRoute, peer: bytes) -> None:
        """``peer``: the user's IP address."""
        self.source = user.source
        self.request = request
        self._user = user
        self._changes = route.response
        self._reply: Reply | None = None
        self._held = False
        self.exchange = route.exchange(self, request, peer)

    @property
    def tunnels(self) -> bool:
        """Whether the connection is for a tunnel, or for nothing."""
        return self.request.method == b"CONNECT"

    @property
    def sending(self) -> bool:
        """Whether the request's body is still to come."""
        return not self.exchange.whole

    @property
    def full(self) -> bool:
        return self._user.full

    def receive_data(self, data: Buffer) -> Buffer:
        """More of the request's body; returns what follows it. Raises RemoteProtocolError when its form is broken."""
        taken = self.exchange.send(data)
        return data[taken:]

    def release(self) -> None:
        """It is over: end the ring of references, which would wait for the garbage collector."""
        del self.exchange

    # User of the exchange

    def request_sent(self) -> None:
        self._user.expect_answer()

    def pause_writing(self) -> None:
        if not self._held:
            self._held = True
            self._user.stream.pause_reading(Pause.PEER)
            self._user.expect_body(False)

    def resume_writing(self) -> None:
        if self._held:
            self._held = False
            self._user.stream.resume_reading(Pause.PEER)
            self._user.expect_body(True)

    def inform(self, head: ResponseHead) -> None:
        if self.request.minor:
            self._user.stream.write(encode_response(head.status, head.reason, 1, head.fields))

    def begin(self, head: ResponseHead, size: int) -> Body:
        keep = self._user.may_keep(self.request) and not self.tunnels
        self._user.begun()
        self._reply = Reply(head, size, self.request, self._changes, keep)
        return self._reply.body

    def data_received(self, data: Buffer, /) -> None:
        assert self._reply is not None
        data = self._reply.encode(data)
        if data:
            self._user.stream.write(data)
        self._user.progressed()

    def eof_received(self) -> None:
        assert self._reply is not None
        tail = self._reply.tail
        if tail:
            self._user.stream.write(tail)
        self.resume_writing()
        self._user.answered(self._reply.keep, linger=self.tunnels)

    def switched(self, head: ResponseHead, connection: UpstreamConnection, early: bytes) -> None:
        if self.tunnels:
            fields = head.fields
        else:
            fields = response_fields(head, self._changes, http_date)
            fields += [(b"Connection", b"Upgrade"), (b"Upgrade", b", ".join(head.noted[b"upgrade"]))]
        self._user.stream.write(encode_response(head.status, head.reason, self.request.minor, fields))
        self.resume_writing()
        self._user.tunnel(connection, early)

    def answer(self, answer: Answer) -> None:
        self.resume_writing()
        self._user.answer(self.request, answer)

    def failed(self, failure: Failure, error: FrpError) -> None:
        self.resume_writing()
        self._user.failed(self.request, failure, error)

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._user.broken(self.request, exc)

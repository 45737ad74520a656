"""One request of an HTTP/1 user and its response, on the user's side: the request's body out, the response in.

The :class:`~aiofrp.server.httpuser.HttpUser` decides what comes before and after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiofrp.errors import FrpError
from aiofrp.proxy.http import HttpRoute
from aiofrp.proxy.httpbackend import Backend
from aiofrp.server.httpexchange import Exchange, Failure
from aiofrp.server.httpreply import Reply
from aiofrp.server.vhost.pages import http_date
from aiofrp.stream.base import Buffer, Pause
from aiofrp.wire.http.body import Body
from aiofrp.wire.http.forward import (
    encode_connect,
    encode_request,
    encode_response,
    request_fields,
    response_fields,
)
from aiofrp.wire.http.head import RequestHead, ResponseHead

if TYPE_CHECKING:
    from aiofrp.server.httpuser import HttpUser


class HttpTurn:
    """The user of an exchange."""

    __slots__ = ("_held", "_reply", "_route", "_user", "exchange", "request", "source")

    def __init__(self, user: HttpUser, request: RequestHead, route: HttpRoute, peer: bytes) -> None:
        """``peer``: the user's IP address."""
        self.source = user.source
        self.request = request
        self._user = user
        self._route = route
        self._reply: Reply | None = None
        self._held = False
        if self.tunnels:
            head = encode_connect(request)
        else:
            head = encode_request(request, request_fields(request, route.request, peer), route.rewrite)
        self.exchange = Exchange(self, route.next(), request, head)

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
        return data[self.exchange.send(data) :]

    def release(self) -> None:
        """It is over: end the ring of references, which would wait for the garbage collector."""
        del self.exchange

    # User of the exchange

    def request_sent(self) -> None:
        self._user.expect_answer()

    def hold_request(self) -> None:
        if not self._held:
            self._held = True
            self._user.stream.pause_reading(Pause.PEER)
            self._user.expect_body(False)

    def go_on(self) -> None:
        if self._held:
            self._held = False
            self._user.stream.resume_reading(Pause.PEER)
            self._user.expect_body(True)

    def inform(self, head: ResponseHead) -> None:
        if self.request.minor:
            self._user.stream.write(encode_response(head.status, head.reason, 1, head.fields))

    def begin(self, head: ResponseHead, size: int) -> Body:
        keep = self._user.may_keep(self.request) and not self.tunnels
        self._user.deadline.clear()
        self._reply = Reply(head, size, self.request, self._route.response, keep)
        return self._reply.body

    def send(self, data: Buffer, done: bool) -> None:
        assert self._reply is not None
        data = self._reply.encode(data, done)
        if data:
            self._user.stream.write(data)
        self._user.progressed()

    def finished(self) -> None:
        assert self._reply is not None
        self.go_on()
        self._user.answered(self._reply.keep, linger=self.tunnels)

    def switched(self, head: ResponseHead, backend: Backend, early: bytes) -> None:
        if self.tunnels:
            fields = head.fields
        else:
            fields = response_fields(head, self._route.response, http_date)
            fields += [(b"Connection", b"Upgrade"), (b"Upgrade", b", ".join(head.noted[b"upgrade"]))]
        self._user.stream.write(encode_response(head.status, head.reason, self.request.minor, fields))
        self.go_on()
        self._user.tunnel(backend, early)

    def failed(self, failure: Failure, error: FrpError) -> None:
        self.go_on()
        self._user.failed(self.request, failure, error)

    def broken(self, error: Exception | None) -> None:
        self._user.broken(self.request, error)

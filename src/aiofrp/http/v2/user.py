"""A user's connection that speaks HTTP/2 with prior knowledge (RFC 9113 §3.3).

Each request is judged like one of HTTP/1 and sent to the service in HTTP/1.1. gRPC, which needs HTTP/2 to the end,
goes on in HTTP/2, see :mod:`aiofrp.http.v2.call`.
"""

from __future__ import annotations

from aiofrp.http.answers import Answer
from aiofrp.http.deadline import HEAD_TIMEOUT, IDLE_TIMEOUT, Deadline
from aiofrp.http.site import ServiceRoute
from aiofrp.http.upstream import Upstream
from aiofrp.http.users import Users
from aiofrp.http.v2.call import Call, Service2
from aiofrp.http.v2.connection import Connection2
from aiofrp.http.v2.head import request_of
from aiofrp.http.v2.request import Request2
from aiofrp.http.v2.stream import Headers, Stream2, send_answer
from aiofrp.stream.base import Stream
from aiofrp.wire.http.head import HeadError


class User2:
    """The connection and what its requests share."""

    __slots__ = ("_connection", "_deadline", "_peer", "_services", "_users", "server_name", "source")

    def __init__(self, stream: Stream, source: tuple[str, int], users: Users, server_name: str) -> None:
        """``source``: the user's address; ``server_name``: what it called us in TLS (SNI), or empty."""
        self.source = source
        self.server_name = server_name
        self._peer = source[0].encode()
        self._users = users
        self._services: dict[Upstream, Service2] = {}  # limited by the number of proxies
        users.users.add(self)
        users.idle[self] = None
        self._deadline = Deadline(self.close_idle)
        self._deadline.set(HEAD_TIMEOUT)
        self._connection = Connection2(
            stream, users.scheduler, opened=self._opened, changed=self._changed, lost=self._lost
        )

    def __repr__(self) -> str:
        return f"<User2 {self.source} streams={len(self._connection.streams)}>"

    def close_idle(self) -> None:
        """End the connection, which has no request under way."""
        self._connection.close()

    def abort(self) -> None:
        """End the connection now."""
        self._connection.abort()

    # Private

    def _service(self, upstream: Upstream) -> Service2:
        """The HTTP/2 connection of this user to a service."""
        service = self._services.get(upstream)
        if service is None or service.closed:
            service = self._services[upstream] = Service2(upstream, self.source, self._users.scheduler)
        return service

    # Callbacks of the connection

    def _opened(self, stream: Stream2, headers: Headers, ended: bool) -> None:
        self._users.idle.pop(self, None)
        self._deadline.clear()
        try:
            request = request_of(headers, ended)
            outcome = self._users.site.judge(request, self)
        except HeadError as exc:
            status = b"%d" % exc.status
            stream.send_headers([(b":status", status), (b"content-length", b"0")], end=True)
            stream.close()
            return
        if isinstance(outcome, Answer):
            send_answer(stream, outcome, request.method)
        elif isinstance(outcome, ServiceRoute) and _is_grpc(headers):
            call = Call(self._users.site, self._peer, stream, request, outcome)
            self._service(outcome.next()).start(call)
        else:
            Request2(self._users.site, self.source, stream, request, outcome, ended)

    def _changed(self) -> None:
        if not self._connection.streams:
            if self._users.stopping:
                self._connection.close()
            else:
                self._users.idle[self] = None
                self._deadline.set(IDLE_TIMEOUT)

    def _lost(self) -> None:
        self._deadline.close()
        self._users.users.discard(self)
        self._users.idle.pop(self, None)
        for service in self._services.values():
            service.close()


def _is_grpc(headers: Headers) -> bool:
    return any(name == b"content-type" and value.startswith(b"application/grpc") for name, value in headers)

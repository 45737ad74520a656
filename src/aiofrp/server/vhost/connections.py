"""Users of the vhost HTTPS and tcpmux ports until it is known which domain they ask for: then their route gets the
whole connection.

TLS is not ended here, and of a CONNECT request only the head is read.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from aiofrp import logs
from aiofrp.errors import RemoteProtocolError
from aiofrp.host.route import DIRECT, Origin
from aiofrp.proxy.https import HttpsRoute
from aiofrp.proxy.tcpmux import TcpMuxRoute
from aiofrp.server.vhost.judge import fits, parse_basic
from aiofrp.server.vhost.pages import TUNNEL_OPEN, TUNNEL_UNAUTHORIZED, Pages
from aiofrp.stream.base import Buffer, NullReceiver, Stream
from aiofrp.wire.clienthello import UNRECOGNIZED_NAME, ClientHelloReader
from aiofrp.wire.http.head import MAX_HEAD, HeadError, RequestHead, head_end, loose_head_end, parse_request
from aiofrp.wire.router import Router, canonical_host

#: Seconds for a ClientHello or the head of a CONNECT request (docs/protocol/server.md §17).
HELLO_TIMEOUT = 30.0
#: Users whose domain is not known yet: the oldest is aborted for a new one. Each may fill 64 KiB.
MAX_UNDECIDED = 4096

_log = logs.get(__name__)


class UndecidedUsers:
    """Users of the vhost HTTPS and tcpmux ports whose domain is not known yet."""

    def __init__(self) -> None:
        self._waiting: dict[VhostUser, None] = {}  # in order of arrival; limited by MAX_UNDECIDED
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, user: VhostUser) -> None:
        """Keep ``user`` until :meth:`leave`; the oldest of too many is aborted, as is a user who comes after
        :meth:`close`."""
        if self._closed:
            user.abort()
            return
        if len(self._waiting) >= MAX_UNDECIDED:
            next(iter(self._waiting)).abort()
        self._waiting[user] = None

    def leave(self, user: VhostUser) -> None:
        """The domain of ``user`` is known, or he is gone."""
        self._waiting.pop(user, None)

    def close(self) -> None:
        """frps stops: abort them all, and those who still come."""
        self._closed = True
        for user in list(self._waiting):
            user.abort()


class VhostUser(NullReceiver, ABC):
    """A user until it is known which domain he asks for: the receiver of his stream.

    A type gets the bytes in :meth:`examine`, and calls :meth:`decided` or :meth:`dismiss` once. The connection is
    aborted after :data:`HELLO_TIMEOUT` seconds without either.
    """

    __slots__ = ("_buffer", "_timer", "_undecided", "stream")

    def __init__(self, stream: Stream, undecided: UndecidedUsers) -> None:
        self.stream = stream
        self._undecided = undecided
        self._buffer = bytearray()  # limited by what the types accept
        self._timer = asyncio.get_running_loop().call_later(HELLO_TIMEOUT, self.abort)
        undecided.enter(self)
        stream.attach(self)

    def abort(self) -> None:
        """Abort the connection."""
        self._leave()
        self.stream.abort()

    # For the types

    @abstractmethod
    def examine(self, known: int, data: Buffer) -> None:
        """``data`` has been added to the buffer, which held ``known`` bytes before."""

    def decided(self) -> bytes:
        """The domain is known: stop waiting, detach from the stream, and return all bytes read from it."""
        self._leave()
        self.stream.detach()
        return bytes(self._buffer)

    def dismiss(self, answer: bytes = b"") -> None:
        """Send ``answer`` and close the connection: no route gets it."""
        self._leave()
        self.stream.write(answer)
        self.stream.close()

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        """Keep ``data`` and let the type examine it."""
        known = len(self._buffer)
        self._buffer += data
        self.examine(known, data)

    def eof_received(self) -> None:
        """The user finished before he named a domain: close."""
        self.dismiss()

    def connection_lost(self, exc: Exception | None, /) -> None:
        """Stop waiting for the user."""
        self._leave()

    def _leave(self) -> None:
        self._timer.cancel()
        self._undecided.leave(self)


class HttpsUser(VhostUser):
    """A user of the vhost HTTPS port, known by the name in its ClientHello (docs/protocol/server.md §7)."""

    __slots__ = ("_hello", "_routes")

    def __init__(self, stream: Stream, undecided: UndecidedUsers, routes: Router[HttpsRoute]) -> None:
        self._routes = routes
        self._hello = ClientHelloReader()
        super().__init__(stream, undecided)

    def examine(self, known: int, data: Buffer) -> None:
        """Read on in the ClientHello; at its end the route of its server name gets the connection."""
        try:
            if not self._hello.receive_data(data):
                return
        except RemoteProtocolError as exc:
            _log.debug("get hostname from http/https request error: %s", exc)
            self.dismiss()
            return
        name = canonical_host(self._hello.server_name or "")
        route = self._routes.find(name)
        if route is None:
            _log.debug("http request for host [%s] path [] httpUser [] not found", name)
            self.dismiss(UNRECOGNIZED_NAME)
        else:
            route.accept(self.stream, self.decided())


class HttpsUsers:
    """A :class:`~aiofrp.host.route.Route` that asks each user's ClientHello which of ``routes`` gets him."""

    def __init__(self, undecided: UndecidedUsers, routes: Router[HttpsRoute]) -> None:
        self._undecided = undecided
        self._routes = routes

    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        """Wait for a user's ClientHello; see :meth:`aiofrp.host.route.Route.accept`."""
        stream.unread(early)
        HttpsUser(stream, self._undecided, self._routes)


class TcpMuxUser(VhostUser):
    """A user of the tcpmux port, known by its CONNECT request (docs/protocol/server.md §8).

    The credential is judged before anything is answered; the reference said 200 first.
    """

    __slots__ = ("_pages", "_passthrough", "_routes")

    def __init__(
        self,
        stream: Stream,
        undecided: UndecidedUsers,
        routes: Router[TcpMuxRoute],
        pages: Pages,
        passthrough: bool,
    ) -> None:
        """``passthrough``: the service gets the request itself and answers it."""
        self._routes = routes
        self._pages = pages
        self._passthrough = passthrough
        super().__init__(stream, undecided)

    def examine(self, known: int, data: Buffer) -> None:
        """Wait for the end of the request's head, of at most 64 KiB; then judge it."""
        end = head_end(self._buffer, known)
        if end < 0:
            if len(self._buffer) > MAX_HEAD or loose_head_end(self._buffer, known) >= 0:
                self.dismiss()
            return
        try:
            request = parse_request(bytes(self._buffer[:end]))
        except HeadError as exc:
            _log.debug("get hostname from http/https request error: %s", exc)
            self.dismiss()
            return
        if request.method == b"CONNECT":
            self._judge(request, end)
        else:
            self.dismiss()

    def _judge(self, request: RequestHead, end: int) -> None:
        credential = parse_basic(request.note(b"proxy-authorization"))
        user = credential.user.decode("utf-8", "surrogateescape") if credential else ""
        host = canonical_host(request.host.decode("latin-1"))
        route = self._routes.find(host, b"", user)
        if route is None:
            _log.debug("http request for host [%s] path [] httpUser [%s] not found", host, user)
            self.dismiss(self._pages.tunnel_not_found())
        elif route.user and not fits(credential, route.user, route.password):
            _log.debug("auth failed for user: %s", route.user)
            self.dismiss(TUNNEL_UNAUTHORIZED)
        elif self._passthrough:
            route.accept(self.stream, self.decided())
        else:
            self.stream.write(TUNNEL_OPEN)
            route.accept(self.stream, self.decided()[end:])


class TcpMuxUsers:
    """A :class:`~aiofrp.host.route.Route` that asks each user's CONNECT request which of ``routes`` gets him."""

    def __init__(
        self, undecided: UndecidedUsers, routes: Router[TcpMuxRoute], pages: Pages, passthrough: bool
    ) -> None:
        """``passthrough``: services get the requests themselves and answer them."""
        self._undecided = undecided
        self._routes = routes
        self._pages = pages
        self._passthrough = passthrough

    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        """Wait for a user's CONNECT request; see :meth:`aiofrp.host.route.Route.accept`."""
        stream.unread(early)
        TcpMuxUser(stream, self._undecided, self._routes, self._pages, self._passthrough)

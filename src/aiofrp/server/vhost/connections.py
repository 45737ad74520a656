"""Users of the vhost HTTPS and tcpmux ports until they said whom they want: then whole connections are handed on.

TLS is not ended here, and of a CONNECT request only the head is read.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any

from aiofrp import logs
from aiofrp.errors import RemoteProtocolError
from aiofrp.server.vhost.judge import fits, parse_basic
from aiofrp.server.vhost.pages import TUNNEL_OPEN, TUNNEL_UNAUTHORIZED, Pages
from aiofrp.stream.base import Buffer, NullReceiver, Stream
from aiofrp.wire.clienthello import UNRECOGNIZED_NAME, ClientHelloReader
from aiofrp.wire.http.head import MAX_HEAD, HeadError, RequestHead, head_end, loose_head_end, parse_request
from aiofrp.wire.router import Router, canonical_host

#: Seconds for a ClientHello or the head of a CONNECT request (docs/protocol/server.md §17).
HELLO_TIMEOUT = 30.0
#: Users that have not said whom they want: the oldest is cut for a new one. Each may fill 64 KiB.
MAX_STRANGERS = 4096

_log = logs.get(__name__)


class Strangers:
    """Users of one port that have not said whom they want."""

    def __init__(self) -> None:
        self._waiting: dict[VhostUser, None] = {}  # in order of arrival; limited by MAX_STRANGERS

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, user: VhostUser) -> None:
        if len(self._waiting) >= MAX_STRANGERS:
            next(iter(self._waiting)).abort()
        self._waiting[user] = None

    def leave(self, user: VhostUser) -> None:
        self._waiting.pop(user, None)

    def close(self) -> None:
        """frps stops: cut them all."""
        for user in list(self._waiting):
            user.abort()


class VhostUser(NullReceiver, ABC):
    """Receiver of a user's stream up to the decision."""

    __slots__ = ("_buffer", "_strangers", "_timer", "stream")

    def __init__(self, stream: Stream, strangers: Strangers) -> None:
        self.stream = stream
        self._strangers = strangers
        self._buffer = bytearray()  # limited by what the types accept
        self._timer = asyncio.get_running_loop().call_later(HELLO_TIMEOUT, self.abort)
        strangers.enter(self)
        stream.attach(self)

    def abort(self) -> None:
        """Cut the connection."""
        self._leave()
        self.stream.abort()

    # For the types

    @abstractmethod
    def examine(self, known: int, data: Buffer) -> None:
        """``data`` was added to the buffer, which had ``known`` bytes before."""

    def decided(self) -> bytes:
        """It is known where the connection goes: returns what was read of it, and nobody is attached."""
        self._leave()
        self.stream.detach()
        return bytes(self._buffer)

    def dismiss(self, last_words: bytes = b"") -> None:
        """The connection goes nowhere."""
        self._leave()
        self.stream.write(last_words)
        self.stream.close()

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        known = len(self._buffer)
        self._buffer += data
        self.examine(known, data)

    def eof_received(self) -> None:
        self.dismiss()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._leave()

    def _leave(self) -> None:
        self._timer.cancel()
        self._strangers.leave(self)


class HttpsUser(VhostUser):
    """A user of the vhost HTTPS port, known by the name in its ClientHello (docs/protocol/server.md §7)."""

    __slots__ = ("_hello", "_routes")

    def __init__(self, stream: Stream, strangers: Strangers, routes: Router[Any]) -> None:
        self._routes = routes
        self._hello = ClientHelloReader()
        super().__init__(stream, strangers)

    def examine(self, known: int, data: Buffer) -> None:
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
            route.next().accept(self.stream, self.decided())


class TcpMuxUser(VhostUser):
    """A user of the tcpmux port, known by its CONNECT request (docs/protocol/server.md §8).

    The credential is judged before anything is answered; the reference said 200 first.
    """

    __slots__ = ("_pages", "_passthrough", "_routes")

    def __init__(
        self, stream: Stream, strangers: Strangers, routes: Router[Any], pages: Pages, passthrough: bool
    ) -> None:
        """``passthrough``: the service gets the request itself and answers it."""
        self._routes = routes
        self._pages = pages
        self._passthrough = passthrough
        super().__init__(stream, strangers)

    def examine(self, known: int, data: Buffer) -> None:
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
            route.next().accept(self.stream, self.decided())
        else:
            self.stream.write(TUNNEL_OPEN)
            route.next().accept(self.stream, self.decided()[end:])

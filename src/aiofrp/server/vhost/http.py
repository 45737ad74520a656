"""The vhost HTTP service: the users' connections it has, and what they share."""

from __future__ import annotations

from typing import Any, Protocol

from aiofrp import logs
from aiofrp.proxy.http import HttpRoute
from aiofrp.server.httpuser import HttpUser
from aiofrp.server.vhost.judge import NoRoute, judge
from aiofrp.server.vhost.pages import Answer, Pages, options_answer
from aiofrp.server.vhost.turns import Turns
from aiofrp.stream.base import Stream
from aiofrp.wire.http.head import RequestHead
from aiofrp.wire.router import Router

#: For lines that anybody can cause.
_refused = logs.get(__name__).limited(logs.STRANGERS)

#: Users between two requests, or slow with one: the oldest is cut for a new one. Each may fill 64 KiB.
MAX_IDLE = 4096
#: Seconds for a response head when ``vhostHTTPTimeout`` is not above 0.
RESPONSE_TIMEOUT = 60


class VhostConnection(Protocol):
    """A user's connection, whatever it speaks."""

    def close_idle(self) -> None:
        """End it; it has no request under way."""

    def abort(self) -> None:
        """End it now."""


class HttpVhost:
    """Serves requests for the hosts in ``routes``. ``timeout``: ``vhostHTTPTimeout`` in seconds."""

    def __init__(self, routes: Router[Any], pages: Pages, timeout: int) -> None:
        self.routes = routes
        self.pages = pages
        self.response_timeout = timeout if timeout > 0 else RESPONSE_TIMEOUT
        self.idle: dict[VhostConnection, None] = {}  # in order of waiting; limited by MAX_IDLE
        self.users: set[VhostConnection] = set()  # limited by open files
        self.turns = Turns()
        self.stopping = False

    def __repr__(self) -> str:
        return f"<HttpVhost users={len(self.users)} idle={len(self.idle)}>"

    def accept(self, stream: Stream) -> None:
        """Serve a user."""
        if self.stopping:
            stream.abort()
            return
        if len(self.idle) >= MAX_IDLE:
            next(iter(self.idle)).close_idle()
        self.users.add(HttpUser(stream, self))

    def speak_http2(self, stream: Stream) -> None:
        """Serve a user that began with the preface of HTTP/2; nobody is attached to it."""
        from aiofrp.server.h2user import H2User  # h2 is a weight of its own

        H2User(stream, self)

    def judge(self, request: RequestHead) -> HttpRoute | Answer:
        """The route of ``request``, or the answer frps gives itself.

        Raises :class:`~aiofrp.wire.http.head.HeadError`."""
        if request.target == b"*":
            return options_answer()
        try:
            return judge(request, self.routes)
        except NoRoute as exc:
            self.tell_failure(request, str(exc))
            return self.pages.not_found()

    def tell_failure(self, request: RequestHead, why: str) -> None:
        """Log that a request gets no response of a service."""
        _refused.warning("do http proxy request [host: %s] error: %s", request.host.decode("latin-1"), why)

    def tell_break(self, request: RequestHead, error: Exception | None) -> None:
        """Log that the response of a service broke off in the middle."""
        self.tell_failure(request, f"the response broke off: {error or 'EOF'}")

    def close(self) -> None:
        """No more requests: idle users are closed, the others after their response."""
        self.stopping = True
        for user in list(self.idle):
            user.close_idle()

    def abort(self) -> None:
        """End what is left."""
        for user in list(self.users):
            user.abort()

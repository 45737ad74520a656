"""The vhost HTTP port: frps' routes and answers, as a :class:`~aiofrp.http.site.Site` of the HTTP engine."""

from __future__ import annotations

from aiofrp import logs
from aiofrp.errors import FrpError
from aiofrp.host.route import DIRECT, Origin
from aiofrp.http.answers import Answer, timed_out
from aiofrp.http.exchange import Failure
from aiofrp.http.serve import Engine
from aiofrp.http.site import Site, SiteUser
from aiofrp.proxy.http import HttpRoute
from aiofrp.server.vhost.judge import NoRoute, judge
from aiofrp.server.vhost.pages import Pages, options_answer
from aiofrp.stream.base import Stream
from aiofrp.wire.addresses import address_of
from aiofrp.wire.http.head import RequestHead
from aiofrp.wire.router import Router

#: For lines that anyone who connects can cause.
_refused = logs.get(__name__).limited(logs.ANYONE)

#: Seconds for a response head when ``vhostHTTPTimeout`` is not above 0.
RESPONSE_TIMEOUT = 60


class HttpVhost(Site):
    """Sends requests for the hosts in ``routes`` to their proxies. ``timeout``: ``vhostHTTPTimeout`` in seconds."""

    def __init__(self, routes: Router[HttpRoute], pages: Pages, timeout: int) -> None:
        self._routes = routes
        self._pages = pages
        self.response_timeout = timeout if timeout > 0 else RESPONSE_TIMEOUT

    def judge(self, request: RequestHead, user: SiteUser) -> HttpRoute | Answer:
        """The proxy's route for ``request``, or the answer where there is none or the credential is wrong."""
        if request.target == b"*":
            return options_answer()
        try:
            return judge(request, self._routes)
        except NoRoute as exc:
            return self.failed(request, Failure.NOBODY, exc)

    def failed(self, request: RequestHead, failure: Failure, error: FrpError) -> Answer:
        """Log a request that no service responded to; it gets 504 after a time-out, else the 404 page."""
        _log_failure(request, error)
        return timed_out() if failure is Failure.TIMED_OUT else self._pages.not_found(request.method)

    def broke_off(self, request: RequestHead, error: Exception | None) -> None:
        """Log a response that ended in the middle."""
        _log_failure(request, f"the response broke off: {error or 'EOF'}")


class HttpUsers:
    """A :class:`~aiofrp.host.route.Route` to the HTTP engine, which finds a route of its own for each request."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        """Serve the requests of a user; see :meth:`aiofrp.host.route.Route.accept`."""
        stream.unread(early)
        self._engine.accept(stream, address_of(stream.info("peername")))


def _log_failure(request: RequestHead, why: object) -> None:
    _refused.warning("do http proxy request [host: %s] error: %s", request.host.decode("latin-1"), why)

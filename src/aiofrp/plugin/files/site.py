"""The web site that a folder is: which requests are for a file, and whom they are refused."""

from __future__ import annotations

import os

from aiofrp.config.models.types import Secret
from aiofrp.errors import FrpError
from aiofrp.http.answers import Answer, empty, timed_out
from aiofrp.http.exchange import Exchange, ExchangeUser, Failure
from aiofrp.http.site import RequestRoute, Site, SiteUser
from aiofrp.logs import Log
from aiofrp.plugin.common.delayed import Delayed
from aiofrp.plugin.files.cache import FileCache, TooManyOpen
from aiofrp.plugin.files.confined import LeadsOut
from aiofrp.plugin.files.exchange import FileExchange, FileHost, response_of
from aiofrp.plugin.files.opened import OpenedFile
from aiofrp.plugin.files.paths import FilePlace, clean, encode, is_index, place_of, prefix_of
from aiofrp.plugin.files.pieces import Reading
from aiofrp.plugin.files.plan import moved, not_found, problem, with_query
from aiofrp.plugin.files.threads import FileThreads
from aiofrp.webserver.basicauth import CHALLENGE, FAILURE_DELAY, REFUSED, BasicAuth
from aiofrp.wire.http.head import RequestHead

_METHODS = frozenset((b"GET", b"HEAD"))


class FileSite(Site):
    """Answers requests with the files below a folder."""

    http2 = False
    #: A disk that does not answer in this time (seconds) does not answer at all.
    response_timeout = 60.0

    def __init__(self, log: Log, local_path: str, strip_prefix: str, user: str, password: Secret) -> None:
        """``local_path``, ``strip_prefix``, ``user``, ``password``: the options of the plugin."""
        self.threads = FileThreads()
        self.cache = FileCache(os.fsencode(local_path), self.threads)
        self.reading = Reading()
        self._log = log
        self._prefix = prefix_of(strip_prefix)
        self._auth = BasicAuth(user, password)

    def close(self) -> None:
        """Let the files go that nobody uses."""
        self.cache.close()
        self.threads.close()

    # Site

    def judge(self, request: RequestHead, user: SiteUser) -> RequestRoute | Answer:
        path = request.path
        file = self.cache.find(path)
        if file is None and (elsewhere := self._judge_path(request)) is not None:
            return elsewhere
        if request.method not in _METHODS:
            return empty(405, b"Method Not Allowed")
        if not self._auth.open and not self._admits(request):
            return Delayed(_unauthorized(), FAILURE_DELAY)
        if file is not None and (answer := self._answer(request, file)) is not None:
            return answer
        if is_index(path):
            return moved(with_query(b"./", request))
        place = place_of(path[len(self._prefix) :])
        return not_found() if place is None else FileRoute(self, place)

    def failed(self, request: RequestHead, failure: Failure, error: FrpError) -> Answer:
        self._log.seldom.warning("static_file: [%s]: the disk does not answer: %s", _name(request), error)
        return timed_out()

    def broke_off(self, request: RequestHead, error: Exception | None) -> None:
        self._log.seldom.warning("static_file: [%s]: the response broke off: %s", _name(request), error)

    # Host of the exchanges

    def refuse(self, request: RequestHead, error: Exception) -> Answer:
        """A file cannot be served: log it, and return what the user gets."""
        log, name = self._log.seldom, _name(request)
        if isinstance(error, LeadsOut):
            log.warning("static_file: [%s] is not served: %s", name, error)
        elif isinstance(error, FileNotFoundError):
            log.info("static_file: [%s]: %s", name, error)
        else:
            log.warning("static_file: [%s] cannot be served: %s", name, error)
        if isinstance(error, FileNotFoundError):
            return not_found()
        if isinstance(error, PermissionError):
            return problem(403, b"Forbidden")
        if isinstance(error, TooManyOpen):
            return problem(503, b"Service Unavailable")
        return problem(500, b"Internal Server Error")

    # Private

    def _judge_path(self, request: RequestHead) -> Answer | None:
        """The answer to a request that is for no file, whoever sent it."""
        if request.target == b"*" and not request.absolute:
            return empty(200, b"OK")
        if (cleaned := clean(request.path)) != request.path:
            return moved(with_query(encode(cleaned), request))
        return None if request.path.startswith(self._prefix) else not_found()

    def _answer(self, request: RequestHead, file: OpenedFile) -> Answer | None:
        """The whole response, if it is there."""
        try:
            response = response_of(request, file, self.reading)
        except OSError as exc:
            return self.refuse(request, exc)
        return response if isinstance(response, Answer) else None

    def _admits(self, request: RequestHead) -> bool:
        return self._auth.admits(request.note(b"authorization").decode("latin-1"))


class FileRoute(RequestRoute):
    """The route of one request."""

    __slots__ = ("_host", "_place")

    def __init__(self, host: FileHost, place: FilePlace) -> None:
        self._host = host
        self._place = place

    def exchange(self, user: ExchangeUser, request: RequestHead, peer: bytes) -> Exchange:
        return FileExchange(user, request, self._host, self._place)


def _unauthorized() -> Answer:
    answer = problem(401, b"Unauthorized", REFUSED.encode())
    answer.fields.insert(1, (b"Www-Authenticate", CHALLENGE.encode()))
    return answer


def _name(request: RequestHead) -> str:
    return request.target.decode("latin-1")

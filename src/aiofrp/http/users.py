"""What all user connections of one site share: the set of them, the idle ones, and the time for parsing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from aiofrp.http.scheduler import Scheduler
from aiofrp.http.site import Site
from aiofrp.stream.base import Stream


class User(Protocol):
    """A user's connection, of HTTP/1 or HTTP/2."""

    def close_idle(self) -> None:
        """Close a connection in ``Users.idle``, because a new one needs its place or the site stops."""

    def abort(self) -> None:
        """Close the connection at once; requests under way fail."""


class Users(ABC):
    """The user connections of one site. Each adds itself to ``users`` and ``idle`` and removes itself."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.users: set[User] = set()  # limited by open files
        self.idle: dict[User, None] = {}  # between two requests or slow with one, the oldest first
        self.scheduler = Scheduler()
        self.stopping = False  # no more requests

    @abstractmethod
    def speak_http2(self, stream: Stream, source: tuple[str, int], server_name: str) -> None:
        """Serve a connection that began with the HTTP/2 preface.

        ``stream`` has no receiver and delivers the preface again. ``source``: the user's address and port.
        ``server_name``: the name that the user sent in TLS (SNI), else empty.
        """

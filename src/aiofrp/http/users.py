"""What the users of one site share: their set, those without a request, and the time for parsing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from aiofrp.http.scheduler import Scheduler
from aiofrp.http.site import Site
from aiofrp.stream.base import Stream


class User(Protocol):
    """A user's connection, whatever version of HTTP it speaks."""

    def close_idle(self) -> None:
        """End the connection, which has no request under way."""

    def abort(self) -> None:
        """Drop the connection."""


class Users(ABC):
    """The users of one site. Each enters and leaves ``users`` and ``idle`` by itself."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.users: set[User] = set()  # limited by open files
        self.idle: dict[User, None] = {}  # between two requests or slow with one, the oldest first
        self.scheduler = Scheduler()
        self.stopping = False  # no more requests

    @abstractmethod
    def speak_http2(self, stream: Stream, source: tuple[str, int], server_name: str) -> None:
        """Serve a user that began with the preface of HTTP/2; nobody is attached to ``stream``, which delivers the
        preface again."""

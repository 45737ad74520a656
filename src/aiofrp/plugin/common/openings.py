"""Users of a plugin whose connection is being opened: the handshake or the conversation before they are served."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from aiofrp.aio import check_at
from aiofrp.host.contexts import ClientContext
from aiofrp.stream.base import NullReceiver


class OpeningUser(NullReceiver, ABC):
    """One such user: the receiver of the stream until it is served. Enters ``openings`` when made."""

    __slots__ = ("_openings", "due")

    #: A running connection has counters; this one counts nothing, so it is given no time when frpc stops.
    bytes_in = 0
    bytes_out = 0

    def __init__(self, openings: Openings) -> None:
        self._openings = openings
        self.due = asyncio.get_running_loop().time() + openings.seconds  #: loop time
        openings.enter(self)

    def abort(self) -> None:
        """Abort the connection: the time is over, there are too many, or frpc stops."""
        self._openings.leave(self)
        self.abort_stream()

    @abstractmethod
    def abort_stream(self) -> None:
        """Abort the stream of the user."""


class Openings:
    """The users of one proxy that are being opened, limited in time and number.

    They belong to ``context.connections`` like connections that run.
    """

    def __init__(self, context: ClientContext, what: str, seconds: float, most: int) -> None:
        """``what``: begins the lines of the log about those that fail. ``seconds``: the time each of them has.
        ``most``: how many there may be at once; the oldest is aborted for a new one."""
        self.seconds = seconds
        self._most = most
        self._what = what
        self._log = context.log
        self._connections = context.connections
        self._waiting: dict[OpeningUser, None] = {}  # in order of arrival; limited by most
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, opening: OpeningUser) -> None:
        """A new user; the oldest of too many is aborted."""
        if len(self._waiting) >= self._most:
            self._give_up(next(iter(self._waiting)), f"there are more than {self._most} at once")
        self._waiting[opening] = None
        self._connections.opened(opening)
        if self._timer is None:
            self._timer = check_at(opening.due, self._check)

    def leave(self, opening: OpeningUser) -> None:
        """The user is served, refused, or gone."""
        if self._waiting.pop(opening, self) is None:
            self._connections.closed(opening)

    def failed(self, reason: object) -> None:
        """Log why the connection of a user was not opened."""
        self._log.seldom.warning("%s: %s", self._what, reason)

    # Private

    def _give_up(self, opening: OpeningUser, reason: str) -> None:
        self.failed(reason)
        opening.abort()

    def _check(self, now: float) -> None:
        """Abort those that are late, the oldest first."""
        self._timer = None
        for opening in list(self._waiting):
            if opening.due > now:
                self._timer = check_at(opening.due, self._check)
                return
            self._give_up(opening, f"it was not done within {self.seconds:g} s")

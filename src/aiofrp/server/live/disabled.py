"""Proxies that an operator has disabled at frps: their names, and what brings them back.

A disabled name serves nobody, whoever asks for it, until it is enabled. The table outlives sessions of clients, not the
process.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from aiofrp.errors import ProxyError
from aiofrp.server.session.sessions import ControlSession
from aiofrp.wire.frp.messages import NewProxy

#: Names that are disabled at a time, and characters of a reason.
MOST_DISABLED = 10_000
MOST_REASON = 500


class DisabledProxy(Struct):
    """Who disabled a proxy, when and why."""

    name: str  #: on the wire
    at: float  #: seconds since 1970
    by: str  #: user and address of the operator
    reason: str  #: may be empty
    session: ControlSession | None = (
        None  #: of the client whose running proxy it was; ``None`` once that has ended
    )
    message: NewProxy | None = None  #: what the client asked for

    @property
    def text(self) -> str:
        """The error for the client."""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.at))
        reason = f": {self.reason}" if self.reason else ""
        return f"proxy [{self.name}] is disabled by {self.by} since {when}{reason}"


class DisabledProxies:
    """The names that are disabled now; limited by :data:`MOST_DISABLED`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._names: dict[str, DisabledProxy] = {}

    def __len__(self) -> int:
        return len(self._names)

    def all(self) -> list[DisabledProxy]:
        """All of them, by name."""
        return [entry for _, entry in sorted(self._names.items())]

    def find(self, name: str) -> DisabledProxy | None:
        """The entry of ``name``; ``None`` where it is not disabled."""
        return self._names.get(name)

    def check(self, name: str) -> None:
        """Raise :class:`~aiofrp.errors.ProxyError` with the text for the client when ``name`` is disabled."""
        entry = self._names.get(name)
        if entry is not None:
            raise ProxyError(entry.text)

    def add(self, name: str, by: str, reason: str) -> DisabledProxy:
        """Disable ``name``; who was first stays. Raises :class:`~aiofrp.errors.ProxyError` above
        :data:`MOST_DISABLED`."""
        entry = self._names.get(name)
        if entry is None:
            if len(self._names) >= MOST_DISABLED:
                raise ProxyError(f"{MOST_DISABLED} proxies are disabled already")
            entry = self._names[name] = DisabledProxy(name, self._clock(), by, reason[:MOST_REASON])
        return entry

    def remove(self, name: str) -> DisabledProxy | None:
        """Enable ``name``; returns its entry, ``None`` where it was not disabled."""
        return self._names.pop(name, None)

    def withdrawn(self, session: ControlSession, name: str) -> None:
        """``session`` has closed its proxy ``name``, or ends: nothing of it is to be brought back."""
        entry = self._names.get(name)
        if entry is not None and entry.session is session:
            entry.session = entry.message = None

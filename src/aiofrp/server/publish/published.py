"""One proxy of frps, from the claim of its name on, and the count of its user connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiofrp.host.contexts import Joined, ServerHalf
from aiofrp.host.lease import Lease
from aiofrp.server.api.statistics import Observer
from aiofrp.server.publish.flow import Flow, LiveConnection
from aiofrp.server.session.sessions import ControlSession


@dataclass(slots=True)
class Published:
    """A proxy that starts or serves users; the owner of its name in :attr:`~aiofrp.server.tables.Tables.published`."""

    half: ServerHalf
    owner: ControlSession
    kind: str
    lease: Lease | None = None  #: of its name
    remote_addr: str | None = None  #: as its client was answered; ``None`` while it starts or stops
    resumed: bool = False  #: frps had stopped it, and started it again by itself


class Traffic:
    """User connections of one proxy, open and counted: see :class:`aiofrp.host.contexts.ProxyTraffic`."""

    __slots__ = ("_all_closed", "_flow", "_observers", "key", "open")

    def __init__(
        self,
        key: tuple[str, str],
        observers: Sequence[Observer],
        all_closed: Callable[[Traffic], None],
        flow: Flow | None,
    ) -> None:
        """``key``: name and type of the proxy. ``all_closed`` is called whenever the last connection has ended.
        ``flow`` counts for all proxies; ``None`` where nobody can ask for single connections."""
        self.key = key
        self._observers = observers
        self._all_closed = all_closed
        self._flow = flow
        self.open: dict[Joined, LiveConnection | None] = {}  # limited by open files

    def opened(self, joined: Joined) -> None:
        """A user was joined to a work connection: keep ``joined`` until :meth:`closed`."""
        if self._flow is None:
            self.open[joined] = None
        else:
            self.open[joined] = LiveConnection(joined)
            self._flow.connections += 1
        for observer in self._observers:
            observer.connection_opened(*self.key)

    def closed(self, joined: Joined) -> None:
        """``joined`` has ended: its bytes are counted now. May be called for one that was never opened."""
        if joined in self.open:
            live = self.open.pop(joined)
            if live is not None and self._flow is not None:
                live.finish(self._flow)
            self._observe(joined.bytes_in, joined.bytes_out)
            for observer in self._observers:
                observer.connection_closed(*self.key)
        if not self.open:
            self._all_closed(self)

    def count(self, bytes_in: int, bytes_out: int) -> None:
        """Count bytes from users and to them that belong to no connection: datagrams."""
        if self._flow is not None:
            self._flow.add(bytes_in, bytes_out)
        self._observe(bytes_in, bytes_out)

    def _observe(self, bytes_in: int, bytes_out: int) -> None:
        for observer in self._observers:
            observer.traffic(*self.key, bytes_in, bytes_out)

    def live(self) -> list[LiveConnection]:
        """The open connections, those opened first first."""
        return [live for live in self.open.values() if live is not None]

    def lost(self, cause: str, count: int) -> None:
        """``count`` datagrams were dropped for the reason ``cause``."""
        for observer in self._observers:
            observer.lost(*self.key, cause, count)

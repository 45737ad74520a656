"""One running proxy of frps, and the count of its user connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiofrp.host.contexts import Joined, ServerHalf
from aiofrp.host.lease import Lease
from aiofrp.server.api.statistics import Observer
from aiofrp.server.session.sessions import ControlSession


@dataclass(slots=True)
class Published:
    """A proxy that serves users."""

    half: ServerHalf
    owner: ControlSession
    kind: str
    lease: Lease | None = None  #: of its name
    remote_addr: str | None = None  #: as its client was answered; ``None`` while it starts


class Traffic:
    """User connections of one proxy: see :class:`aiofrp.host.contexts.ProxyTraffic`."""

    __slots__ = ("_all_closed", "_observers", "key", "open")

    def __init__(
        self, key: tuple[str, str], observers: Sequence[Observer], all_closed: Callable[[Traffic], None]
    ) -> None:
        self.key = key  # name and type of the proxy
        self._observers = observers
        self._all_closed = all_closed
        self.open: set[Joined] = set()  # limited by open files

    def opened(self, joined: Joined) -> None:
        self.open.add(joined)
        for observer in self._observers:
            observer.connection_opened(*self.key)

    def closed(self, joined: Joined) -> None:
        if joined in self.open:
            self.open.remove(joined)
            self.count(joined.bytes_in, joined.bytes_out)
            for observer in self._observers:
                observer.connection_closed(*self.key)
        if not self.open:
            self._all_closed(self)

    def count(self, bytes_in: int, bytes_out: int) -> None:
        for observer in self._observers:
            observer.traffic(*self.key, bytes_in, bytes_out)

"""Leases: names and ports that a proxy holds until it ends the lease."""

from __future__ import annotations

from collections.abc import Callable


class Lease:
    """Something that belongs to its holder until :meth:`end`; ``given_back`` is called once, at that time."""

    __slots__ = ("_given_back",)

    def __init__(self, given_back: Callable[[], None]) -> None:
        self._given_back: Callable[[], None] | None = given_back

    def end(self) -> None:
        """Give it back; again does nothing."""
        given_back, self._given_back = self._given_back, None
        if given_back is not None:
            given_back()


class PortLease(Lease):
    """The lease of a TCP or UDP port, whose number is ``port``."""

    __slots__ = ("port",)

    def __init__(self, port: int, given_back: Callable[[], None]) -> None:
        super().__init__(given_back)
        self.port = port

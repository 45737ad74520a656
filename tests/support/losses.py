"""Losses for tests: counted and never written."""

from __future__ import annotations

from aiofrp import logs
from aiofrp.stream.udp.losses import Losses


class Counted(Losses):
    """Keeps the counts by cause in ``seen``."""

    def __init__(self) -> None:
        super().__init__(logs.get(__name__))
        self.seen: dict[str, int] = {}

    def lost(self, cause: str, why: str, count: int = 1, what: str = "datagrams") -> None:
        self.seen[cause] = self.seen.get(cause, 0) + count

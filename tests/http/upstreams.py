"""Connections to a service that is in memory."""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.errors import FrpError
from aiofrp.http.upstream import Counted
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from tests.support.ends import End, until


class Openings:
    """Opens connections, at once or with ``error``, and counts them: ``services`` are their far ends."""

    def __init__(self) -> None:
        self.services: list[End] = []
        self.sources: list[tuple[str, int]] = []
        self.running: list[Counted] = []
        self.error: FrpError | None = None

    def open(
        self, source: tuple[str, int], ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
    ) -> None:
        if self.error is not None:
            failed(self.error)
            return
        self.sources.append(source)
        near, far = memory_pair()
        self.services.append(End(far).attach())
        ready(near)

    def opened(self, connection: Counted, /) -> None:
        self.running.append(connection)

    def closed(self, connection: Counted, /) -> None:
        self.running.remove(connection)

    async def service(self) -> End:
        """The far end of the newest connection."""
        await until(lambda: self.services)
        return self.services[-1]

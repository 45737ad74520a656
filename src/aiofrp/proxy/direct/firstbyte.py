"""A stream of a tunnel that was opened and ended at once: how visitors of the reference check that a tunnel is alive.

Such a stream is no user, so the local service does not get it. A user who waits for the service to speak first sends
nothing either, so nothing is waited for longer than a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.stream.base import Buffer, Stream

#: Seconds that a stream without a byte waits for its end.
MOMENT = 0.05


class FirstByte:
    """The receiver of a new stream; ``serve`` is called once it is a user's, with nobody attached. A stream that ends
    before is closed."""

    __slots__ = ("_serve", "_stream", "_timer")

    def __init__(self, stream: Stream, serve: Callable[[], object]) -> None:
        self._stream = stream
        self._serve = serve
        self._timer = asyncio.get_running_loop().call_later(MOMENT, self._begin)
        stream.attach(self)

    def data_received(self, data: Buffer, /) -> None:
        self._begin(data)

    def eof_received(self) -> None:
        self._timer.cancel()
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._timer.cancel()

    def pause_writing(self) -> None:
        """Nothing is written here."""

    def resume_writing(self) -> None:
        """Nothing is written here."""

    def _begin(self, early: Buffer = b"") -> None:
        self._timer.cancel()
        self._stream.detach()
        self._stream.unread(early)
        self._serve()

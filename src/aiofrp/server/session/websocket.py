"""A connection that asks to become a websocket: from its HTTP request to the stream inside
(docs/protocol/server.md §1.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.stream.base import Buffer, NullReceiver, Stream
from aiofrp.stream.websocket import WebSocketStream
from aiofrp.wire.dial.upgrade import ServerUpgrade

#: Seconds a request may take (docs/protocol/server.md §17).
TIMEOUT = 60.0


class Upgrading(NullReceiver):
    """Receiver of ``stream`` until its request is answered.

    ``early``: bytes already read. ``done`` is called with the websocket, nobody attached, or else ``gone`` once the
    connection is lost.
    """

    __slots__ = ("_done", "_gone", "_stream", "_timer", "_upgrade")

    def __init__(
        self, stream: Stream, early: bytes, done: Callable[[Stream], None], gone: Callable[[], None]
    ) -> None:
        self._stream = stream
        self._done = done
        self._gone = gone
        self._upgrade = ServerUpgrade()
        self._timer = asyncio.get_running_loop().call_later(TIMEOUT, stream.close)
        stream.attach(self)
        self.data_received(early)

    def data_received(self, data: Buffer, /) -> None:
        rest = self._upgrade.receive_data(data)
        if rest is None:
            return
        self._stream.write(self._upgrade.data_to_send())
        if not self._upgrade.accepted:
            self._stream.close()
            return
        self._timer.cancel()
        self._stream.detach()
        self._done(WebSocketStream(self._stream, client=False, early=rest))

    def eof_received(self) -> None:
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._timer.cancel()
        self._gone()

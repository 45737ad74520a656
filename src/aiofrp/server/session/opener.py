"""Work connections that frps opens itself (docs/protocol/wire.md §8).

A client of aiofrp takes streams that frps opens on its carrier, each with StartWorkConn as its first message. To ask
for a work connection and wait for it costs a round trip, two messages and half of the work of a new connection.
"""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.aio import TimeLimit
from aiofrp.errors import Closed, FrpError
from aiofrp.logs import Log
from aiofrp.server.session.auth import InstantVerifier, SessionVerifier
from aiofrp.stream.base import Stream
from aiofrp.transport.base import OpeningCarrier
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import Login, StartWorkConn

#: Streams that the client has not acknowledged; users beyond that are refused.
MAX_UNACKNOWLEDGED = 4096


class WorkOpener:
    """Opens the work connections of one client."""

    __slots__ = ("_carrier", "_codec", "_limit", "_log")

    def __init__(self, carrier: OpeningCarrier, codec: Codec, timeout: float, log: Log) -> None:
        """``timeout``: seconds the client has to acknowledge a stream, after which the stream and its user end.
        ``log`` gets a line then."""
        self._carrier = carrier
        self._codec = codec
        self._limit = TimeLimit(timeout)
        self._log = log

    def take(
        self, start: StartWorkConn, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
    ) -> None:
        """Call ``ready`` with a new stream on which ``start`` was sent, or ``failed``, within this call."""
        if len(self._limit) >= MAX_UNACKNOWLEDGED:
            failed(Closed(f"{MAX_UNACKNOWLEDGED} users are already waiting for a work connection"))
            return
        opened = _Opened(self._limit, self._log, ready)
        self._limit.start(opened)
        try:
            self._carrier.open_with(self._codec.encode(start), opened.acknowledged, opened.ready)
        except Closed as exc:
            opened.acknowledged()
            failed(exc)


def opener_of(
    login: Login, carrier: object, codec: Codec, verifier: SessionVerifier, timeout: float, log: Log
) -> WorkOpener | None:
    """What opens the work connections of the client that logged in with ``login`` over ``carrier``; ``None`` where it
    takes none, or has to show with each of them that it may."""
    if (
        login.takes_streams
        and isinstance(carrier, OpeningCarrier)
        and isinstance(verifier, InstantVerifier)
        and not verifier.checks_work_connections
    ):
        return WorkOpener(carrier, codec, timeout, log)
    return None


class _Opened:
    """A stream until the client has acknowledged it."""

    __slots__ = ("_limit", "_log", "_ready", "_stream")

    def __init__(self, limit: TimeLimit, log: Log, ready: Callable[[Stream], None]) -> None:
        self._limit = limit
        self._log = log
        self._ready = ready
        self._stream: Stream | None = None

    def ready(self, stream: Stream) -> None:
        """It is open: its user gets it."""
        self._stream = stream
        self._ready(stream)

    def acknowledged(self) -> None:
        """The client has taken the stream, or the stream has ended."""
        self._limit.stop(self)

    def time_out(self) -> None:
        """The client did not take it."""
        self._log.warning("timeout trying to get work connection")
        if self._stream is not None:
            self._stream.abort()

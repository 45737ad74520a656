"""Connections that are not logged in: how many there may be, for how long, and how a refusal ends.

A connection counts as not logged in from its accept until something is granted to it: a login, or a work or visitor
connection that was accepted. A refusal grants nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from aiofrp.aio import TimeLimit
from aiofrp.server.session.auth import SessionVerifier
from aiofrp.stream.base import Buffer, NullReceiver, Stream, nothing
from aiofrp.transport.files import file_limit
from aiofrp.wire.addresses import address_of
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import Message

#: Connections that are not logged in: in all, at most half of the open-file limit, and the share of one source address.
MAX_WAITING, SHARE_OF_SOURCE = 8192, 4
#: Seconds a connection may stay so, whatever it does meanwhile. The steps on the way have shorter limits of their own.
LIFETIME = 60.0
#: Seconds a refused connection has to take its answer and to close, and bytes it may still send meanwhile.
LINGER, MAX_LATE = 5.0, 64 * 1024


class NotLoggedIn:
    """The connections of one frps that are not logged in, in all and by source address."""

    def __init__(self) -> None:
        self._by_source: Counter[str] = Counter()
        self._entries: set[Entry] = set()  # limited by _most
        self.lifetime = TimeLimit(LIFETIME)  #: of all entries
        self._most = max(SHARE_OF_SOURCE, min(MAX_WAITING, file_limit() // 2))

    def __len__(self) -> int:
        return len(self._entries)

    def enter(self, stream: Stream) -> Entry | None:
        """Count one more connection; returns its entry. With too many already ``stream`` is aborted and ``None``
        returned."""
        source = address_of(stream.info("peername"))[0]
        if len(self._entries) >= self._most or self._by_source[source] >= self._most // SHARE_OF_SOURCE:
            stream.abort()
            return None
        self._by_source[source] += 1
        entry = Entry(self, stream, source)
        self._entries.add(entry)
        return entry

    def abort(self) -> None:
        """Abort all that count; frps stops."""
        for entry in list(self._entries):
            entry.abort()

    def left(self, entry: Entry, source: str) -> None:
        """``entry`` counts no longer; called by the entry alone."""
        self._entries.remove(entry)
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]


class Entry:
    """One connection that counts; it is aborted after :data:`LIFETIME`, unless it has left before."""

    __slots__ = ("_counts", "_source", "_stream", "_table")

    def __init__(self, table: NotLoggedIn, stream: Stream, source: str) -> None:
        self._table = table
        self._stream = stream
        self._source = source
        self._counts = True
        table.lifetime.start(self)

    def leave(self) -> None:
        """It is logged in, or gone, or no connection of frp's protocol; may be called again."""
        if self._counts:
            self._counts = False
            self._table.lifetime.stop(self)
            self._table.left(self, self._source)

    def time_out(self) -> None:
        """Abort: something should have been granted to it by now."""
        self.abort()

    def abort(self) -> None:
        """Abort the connection and count it no longer."""
        self._stream.abort()
        self.leave()


class Arrival:
    """A logical connection with its first message, to be granted or refused; no receiver is attached to ``stream``."""

    __slots__ = ("_gone", "_granted", "carrier", "codec", "message", "stream", "vouched")

    def __init__(
        self,
        stream: Stream,
        message: Message,
        codec: Codec,
        *,
        carrier: object | None,
        granted: Callable[[], None],
        gone: Callable[[], None],
        vouched: SessionVerifier | None = None,
    ) -> None:
        """``carrier`` is the yamux session or QUIC connection that it shares with others, or ``None``. ``granted`` is
        called once if it is granted, ``gone`` once it counts no longer, granted or not. ``vouched``: verifies the
        session of a client within frps that has shown another credential; its login needs none."""
        self.stream = stream
        self.message = message
        self.codec = codec
        self.carrier = carrier
        self.vouched = vouched
        self._granted = granted
        self._gone = gone

    def grant(self) -> None:
        """Grant what the message asks for: the connection counts as logged in from now on. The caller answers."""
        self._granted()
        self._gone()

    def refuse(self, answer: bytes = b"") -> None:
        """Send ``answer`` and close; the connection counts as not logged in until it is gone."""
        refuse(self.stream, answer, self._gone)


def refuse(stream: Stream, answer: bytes, gone: Callable[[], None] = nothing) -> None:
    """Send ``answer``, finish, and wait at most :data:`LINGER` until the peer finishes too; close at once if there is
    no answer. ``gone`` is called at the end."""
    _Refused(stream, gone)
    if answer:
        stream.write(answer)
        stream.write_eof()
    else:
        stream.close()


class _Refused(NullReceiver):
    """Receiver of a refused stream until its end."""

    __slots__ = ("_gone", "_late", "_stream", "_timer")

    def __init__(self, stream: Stream, gone: Callable[[], None]) -> None:
        self._stream = stream
        self._gone = gone
        self._late = 0
        self._timer = asyncio.get_running_loop().call_later(LINGER, stream.abort)
        stream.attach(self)

    def data_received(self, data: Buffer, /) -> None:
        """Drop ``data``; abort above :data:`MAX_LATE` bytes."""
        self._late += len(data)
        if self._late > MAX_LATE:
            self._stream.abort()

    def eof_received(self) -> None:
        """The peer has finished, too: close."""
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        """Stop the timer and call ``gone``."""
        self._timer.cancel()
        self._gone()

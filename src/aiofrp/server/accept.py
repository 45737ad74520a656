"""From an accepted connection to its first frp message (spec: wire §1.1, server §1).

Three short waits, each a receiver and a timer, no task: the first ten bytes of the shared port, the TLS look, the
first message of each logical connection. Whoever has not logged in is limited in number and per source address.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from typing import Protocol

from aiofrp import logs
from aiofrp.errors import RemoteProtocolError
from aiofrp.server.firstbytes import FirstBytes
from aiofrp.server.websocket import Upgrading
from aiofrp.stream.base import Buffer, NullReceiver, Stream
from aiofrp.stream.mux import MuxLimits, MuxSession, MuxStream
from aiofrp.stream.tls import TlsContext, TlsStream
from aiofrp.transport.net import address_of, address_text
from aiofrp.wire.codec import Codec
from aiofrp.wire.messages import Message
from aiofrp.wire.opening import Opening, opening_of
from aiofrp.wire.sniff import HTTP_GET, SNIFF_SIZE, TLS_HANDSHAKE, TLS_LEAD, Kind, classify

#: Seconds for each of: the first ten bytes, the TLS look and handshake, the first message (spec: server §17).
FIRST_BYTES = TLS_LOOK = FIRST_MESSAGE = 10.0
#: Connections that have not said their first message: in all, and from one source address.
MAX_STRANGERS, MAX_STRANGERS_PER_SOURCE = 8192, 2048
#: Streams of one multiplexed session that have not said theirs (yamux's accept backlog, spec: wire §3).
MAX_STRANGE_STREAMS = 256

_log = logs.get(__name__)


class Opened(Protocol):
    """Takes a logical connection with its first message; nobody is attached to ``stream``."""

    def __call__(self, stream: Stream, message: Message, codec: Codec) -> None: ...


class Strangers:
    """Counts connections that have not identified themselves, in all and by source address."""

    def __init__(self) -> None:
        self._by_source: Counter[str] = Counter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def enter(self, source: str) -> bool:
        """Count one more; False when there are too many already."""
        if self._count >= MAX_STRANGERS or self._by_source[source] >= MAX_STRANGERS_PER_SOURCE:
            return False
        self._count += 1
        self._by_source[source] += 1
        return True

    def leave(self, source: str) -> None:
        """One identified itself or is gone."""
        self._count -= 1
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]


class Acceptor:
    """Takes carriers from every transport and hands on logical connections with their first message.

    ``tls``: asked at every handshake for the context to end TLS with. ``force_tls``: refuse plain carriers.
    ``mux``: limits of the yamux session each carrier is, or ``None`` when carriers are logical connections
    themselves.
    """

    def __init__(
        self, opened: Opened, *, tls: Callable[[], TlsContext], force_tls: bool, mux: MuxLimits | None
    ) -> None:
        self._opened = opened
        self._tls = tls
        self._force_tls = force_tls
        self._mux = mux
        self._strangers = Strangers()
        self.sessions: set[MuxSession] = set()  # one per carrier with tcpMux, limited by open files

    def use_tls(self, tls: Callable[[], TlsContext]) -> None:
        """End TLS of later connections with other contexts."""
        self._tls = tls

    # The three steps

    def shared_port(
        self, stream: Stream, routes: Callable[[Kind, Stream], None], vhosts: Collection[Kind]
    ) -> None:
        """A connection on bindPort, which ``vhosts`` share; ``routes`` takes it when it is theirs."""
        source = address_of(stream.info("peername"))[0]
        if not self._strangers.enter(source):
            stream.abort()
            return

        def decided(head: bytes) -> None:
            kind = classify(head[:SNIFF_SIZE], vhosts)
            if kind is Kind.FRP:
                self._look(stream, head, source)
                return
            if kind is Kind.WEBSOCKET:
                self._upgrade(stream, head, source, lambda websocket: self._await_look(websocket, source))
                return
            self._strangers.leave(source)
            stream.unread(head)
            routes(kind, stream)

        FirstBytes(stream, SNIFF_SIZE, FIRST_BYTES, decided, lambda: self._strangers.leave(source))

    def carrier(self, stream: Stream) -> None:
        """A connection of a transport with a port of its own (KCP): from the TLS look on."""
        source = address_of(stream.info("peername"))[0]
        if not self._strangers.enter(source):
            stream.abort()
            return
        self._await_look(stream, source)

    def logical(self, stream: Stream) -> None:
        """A logical connection as it is, secured already (a QUIC stream): from its first message on."""
        source = address_of(stream.info("peername"))[0]
        if not self._strangers.enter(source):
            stream.abort()
            return
        self._await_message(stream, b"", lambda: self._strangers.leave(source))

    def _upgrade(self, stream: Stream, head: bytes, source: str, then: Callable[[Stream], None]) -> None:
        Upgrading(stream, head, then, lambda: self._strangers.leave(source))

    def _await_look(self, stream: Stream, source: str) -> None:
        FirstBytes(
            stream,
            1,
            TLS_LOOK,
            lambda head: self._look(stream, head, source),
            lambda: self._strangers.leave(source),
        )

    def _look(self, stream: Stream, head: bytes, source: str) -> None:
        """One byte tells TLS; the connection still counts as a stranger."""
        if head[0] in (TLS_LEAD, TLS_HANDSHAKE):
            early = head[1:] if head[0] == TLS_LEAD else head
            self._look_inside(TlsStream(stream, self._tls(), server_side=True, early=early), source)
        elif self._force_tls:
            _log.warning(
                "checkAndEnableTLSServerConnWithTimeout error: non-TLS connection received on a TlsOnly server"
            )
            self._strangers.leave(source)
            stream.abort()
        else:
            self._carry(stream, head, source)

    def _look_inside(self, tls: Stream, source: str) -> None:
        """Under TLS there may be a websocket (wss), which the reference leaves to a proxy in front of it."""

        def decided(head: bytes) -> None:
            if head[0] == HTTP_GET:
                self._upgrade(tls, head, source, lambda websocket: self._carry(websocket, b"", source))
            else:
                self._carry(tls, head, source)

        FirstBytes(tls, 1, TLS_LOOK, decided, lambda: self._strangers.leave(source))

    def _carry(self, stream: Stream, early: bytes, source: str) -> None:
        if self._mux is None:
            self._await_message(stream, early, lambda: self._strangers.leave(source))
            return
        _Session(self, stream, early, source, self._mux)

    def _await_message(self, stream: Stream, early: bytes, gone: Callable[[], None]) -> None:
        _FirstMessage(stream, early, self._opened, gone)


class _Session:
    """One multiplexed carrier: a stranger until its first stream says its first message."""

    __slots__ = ("_acceptor", "_source", "_strange", "_strange_streams", "_timer", "session")

    def __init__(
        self, acceptor: Acceptor, carrier: Stream, early: bytes, source: str, limits: MuxLimits
    ) -> None:
        self._acceptor = acceptor
        self._source = source
        self._strange = True
        self._strange_streams = 0
        self._timer = asyncio.get_running_loop().call_later(FIRST_MESSAGE, self._time_out)
        self.session = MuxSession(
            carrier, client=False, on_stream=self._on_stream, on_lost=self._on_lost, limits=limits
        )
        acceptor.sessions.add(self.session)
        if early:
            self.session.data_received(early)

    def _on_stream(self, stream: MuxStream) -> None:
        if self._strange_streams >= MAX_STRANGE_STREAMS:
            stream.abort()
            return
        self._strange_streams += 1
        _FirstMessage(stream, b"", self._opened, self._stream_left)

    def _opened(self, stream: Stream, message: Message, codec: Codec) -> None:
        self._identified()
        self._acceptor._opened(stream, message, codec)

    def _stream_left(self) -> None:
        self._strange_streams -= 1

    def _identified(self) -> None:
        if self._strange:
            self._strange = False
            self._timer.cancel()
            self._acceptor._strangers.leave(self._source)

    def _time_out(self) -> None:
        _log.debug("no first message within %g s", FIRST_MESSAGE)
        self.session.abort()

    def _on_lost(self, exc: Exception | None) -> None:
        self._identified()
        self._acceptor.sessions.discard(self.session)


class _FirstMessage(NullReceiver):
    """Receiver that waits for the first message of a logical connection, then detaches and hands it on."""

    __slots__ = ("_gone", "_opened", "_opening", "_stream", "_timer")

    def __init__(self, stream: Stream, early: bytes, opened: Opened, gone: Callable[[], None]) -> None:
        self._stream = stream
        self._opened = opened
        self._gone = gone
        self._opening: Opening | None = None
        self._timer = asyncio.get_running_loop().call_later(FIRST_MESSAGE, self._time_out)
        stream.attach(self)
        if early:
            self.data_received(early)

    def data_received(self, data: Buffer, /) -> None:
        opening = self._opening
        if opening is None:
            opening = self._opening = opening_of(data[0])
        try:
            message = opening.receive_data(data)
        except RemoteProtocolError as exc:
            _log.trace("[%s] %s", address_text(self._stream.info("peername")), exc)
            self._stream.write(opening.data_to_send())
            self._stream.close()
            return
        if answer := opening.data_to_send():
            self._stream.write(answer)
        if message is not None:
            self._timer.cancel()
            self._stream.detach()
            self._stream.unread(opening.leftover())
            self._gone()
            self._opened(self._stream, message, opening.codec)

    def eof_received(self) -> None:
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._timer.cancel()
        self._gone()

    def _time_out(self) -> None:
        self._stream.abort()

"""From an accepted connection to its first frp message
(docs/protocol/wire.md §1.1, docs/protocol/server.md §1).

There are three short waits, each a receiver under a shared limit of time, no task: for the first ten bytes of the
shared port, for the byte that shows TLS, for the first message of each logical connection. Connections that are not
logged in are limited in number, per source address and in time: see :mod:`aiofrp.server.session.admission`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

from aiofrp import logs
from aiofrp.aio import TimeLimit
from aiofrp.errors import RemoteProtocolError
from aiofrp.hints.later import Later
from aiofrp.host.route import Route
from aiofrp.server.session.admission import Arrival, Entry, NotLoggedIn, refuse
from aiofrp.server.session.firstbytes import FirstBytes
from aiofrp.stream.base import Buffer, NullReceiver, Stream, nothing
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.mux.stream import MuxStream
from aiofrp.stream.tls.stream import TlsContext, TlsStream
from aiofrp.transport.base import Transport, all_transports
from aiofrp.wire.addresses import address_text
from aiofrp.wire.frp.opening import Opening, opening_of
from aiofrp.wire.sniff import SNIFF_SIZE, TLS_HANDSHAKE, TLS_LEAD, Kind, classify

#: Seconds for each of: the first ten bytes, the byte that shows TLS and its handshake, the first message
#: (docs/protocol/server.md §17).
FIRST_BYTES = TLS_SNIFF = FIRST_MESSAGE = 10.0
#: Streams of one multiplexed session that wait for their first message (yamux's accept backlog,
#: docs/protocol/wire.md §3).
MAX_WAITING_STREAMS = 256
#: Streams a multiplexed session may open in all before it is logged in; a client opens one.
MAX_STREAMS_BEFORE_LOGIN = 4

_log = logs.get(__name__)
_NO_TLS = "checkAndEnableTLSServerConnWithTimeout error: non-TLS connection received on a TlsOnly server"
#: For lines that anyone who connects can cause.
_refused = _log.limited(logs.ANYONE)


#: Takes a logical connection with its first message.
Opened: TypeAlias = Callable[[Arrival], None]


class Acceptor:
    """Takes carriers from every transport and hands on logical connections with their first message.

    ``tls``: asked at every handshake for the context to end TLS with. ``force_tls``: refuse plain carriers.
    ``mux``: limits of the yamux session each carrier is, or ``None`` when carriers are logical connections
    themselves.
    """

    def __init__(
        self, opened: Opened, *, tls: Callable[[], TlsContext], force_tls: bool, mux: MuxLimits | None
    ) -> None:
        self.opened = opened
        self._tls = tls
        self._force_tls = force_tls
        self._mux = mux
        self._recognised = [transport for transport in all_transports() if transport.first_bytes]
        self.not_logged_in = NotLoggedIn()
        self._first_bytes, self._tls_sniff = TimeLimit(FIRST_BYTES), TimeLimit(TLS_SNIFF)
        self.first_message = TimeLimit(FIRST_MESSAGE)  # one for all connections that wait for it
        self.sessions: set[MuxSession] = set()  # one per carrier with tcpMux, limited by open files

    def use_tls(self, tls: Callable[[], TlsContext]) -> None:
        """Ask ``tls`` for the context at handshakes from now on."""
        self._tls = tls

    # The three steps

    def shared_port(self, stream: Stream, vhosts: Mapping[Kind, Route]) -> None:
        """A connection on bindPort, which ``vhosts`` share: the one that it is for gets it."""
        entry = self.not_logged_in.enter(stream)
        if entry is None:
            return

        def decided(head: bytes) -> None:
            if transport := self._recognise(head[:SNIFF_SIZE]):
                transport.unwrap(
                    stream, head, lambda inside: self._await_first_byte(inside, entry), entry.leave
                )
                return
            kind = classify(head[:SNIFF_SIZE], vhosts)
            if kind is Kind.FRP:
                self._sniff(stream, head, entry)
                return
            entry.leave()
            vhosts[kind].accept(stream, head)

        FirstBytes(stream, SNIFF_SIZE, self._first_bytes, decided, entry.leave)

    def carrier(self, stream: Stream) -> None:
        """A connection of a transport with a port of its own (KCP): from its first byte on."""
        if entry := self.not_logged_in.enter(stream):
            self._await_first_byte(stream, entry)

    def logical(self, stream: Stream) -> None:
        """A logical connection as it is, secured already (a QUIC stream): from its first message on."""
        if entry := self.not_logged_in.enter(stream):
            carrier = stream.info("carrier")
            _FirstMessage(self, stream, b"", carrier, carrier.granted, entry.leave)

    def _await_first_byte(self, stream: Stream, entry: Entry) -> None:
        FirstBytes(stream, 1, self._tls_sniff, lambda head: self._sniff(stream, head, entry), entry.leave)

    def _sniff(self, stream: Stream, head: bytes, entry: Entry) -> None:
        """The first byte shows whether TLS begins."""
        if head[0] in (TLS_LEAD, TLS_HANDSHAKE):
            early = head[1:] if head[0] == TLS_LEAD else head
            many = self._mux is not None  # frames of many streams, or else the bytes of one connection
            tls = TlsStream(stream, self._tls(), server_side=True, early=early, gathers=many)
            self._sniff_inside(tls, entry)
        elif self._force_tls:
            address = address_text(stream.info("peername"))
            _refused.warning("%s", Later("admission", _NO_TLS, lambda: {"address": address}))
            entry.leave()
            stream.abort()
        else:
            self._carry(stream, head, entry)

    def _sniff_inside(self, tls: Stream, entry: Entry) -> None:
        """Under TLS there may be a websocket (wss), which the reference leaves to a proxy in front of it."""

        def decided(head: bytes) -> None:
            if transport := self._recognise(head[:1]):
                transport.unwrap(tls, head, lambda inside: self._carry(inside, b"", entry), entry.leave)
            else:
                self._carry(tls, head, entry)

        FirstBytes(tls, 1, self._tls_sniff, decided, entry.leave)

    def _recognise(self, head: bytes) -> Transport | None:
        """The transport whose connections on bindPort begin with ``head``."""
        for transport in self._recognised:
            if head.startswith(transport.first_bytes[: len(head)]):
                return transport
        return None

    def _carry(self, stream: Stream, early: bytes, entry: Entry) -> None:
        if self._mux is None:
            _FirstMessage(self, stream, early, None, nothing, entry.leave)
        else:
            _Session(self, stream, early, entry, self._mux)


class _Session:
    """One multiplexed carrier; it ends after :data:`FIRST_MESSAGE` unless one of its streams was granted something."""

    __slots__ = ("_acceptor", "_entry", "_logged_in", "_opened", "_timer", "_waiting", "session")

    def __init__(
        self, acceptor: Acceptor, carrier: Stream, early: bytes, entry: Entry, limits: MuxLimits
    ) -> None:
        self._acceptor = acceptor
        self._entry = entry
        self._logged_in = False
        self._opened = 0  # streams before the login; limited by MAX_STREAMS_BEFORE_LOGIN
        self._waiting = 0  # streams without a first message; limited by MAX_WAITING_STREAMS
        self._timer = asyncio.get_running_loop().call_later(FIRST_MESSAGE, self._time_out)
        self.session = MuxSession(
            carrier, client=False, on_stream=self._on_stream, on_lost=self._on_lost, limits=limits
        )
        acceptor.sessions.add(self.session)
        if early:
            self.session.data_received(early)

    def _on_stream(self, stream: MuxStream) -> None:
        if self._waiting >= MAX_WAITING_STREAMS:
            stream.abort()
            return
        if not self._logged_in:
            self._opened += 1
            if self._opened > MAX_STREAMS_BEFORE_LOGIN:
                self.session.abort()
                return
        self._waiting += 1
        _FirstMessage(self._acceptor, stream, b"", self.session, self._granted, self._stream_left)

    def _stream_left(self) -> None:
        self._waiting -= 1

    def _granted(self) -> None:
        self._logged_in = True
        self._leave()

    def _leave(self) -> None:
        self._timer.cancel()
        self._entry.leave()

    def _time_out(self) -> None:
        _log.debug("not logged in within %g s", FIRST_MESSAGE)
        self.session.abort()

    def _on_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._acceptor.sessions.discard(self.session)


class _FirstMessage(NullReceiver):
    """Receiver that waits for the first message of a logical connection, then detaches and hands it on.

    ``carrier``, ``granted`` and ``gone`` are those of the :class:`~aiofrp.server.session.admission.Arrival` to come;
    ``gone`` is also called when the connection is lost before.
    """

    __slots__ = ("_acceptor", "_carrier", "_gone", "_granted", "_opening", "_stream")

    def __init__(
        self,
        acceptor: Acceptor,
        stream: Stream,
        early: bytes,
        carrier: object | None,
        granted: Callable[[], None],
        gone: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._acceptor = acceptor
        self._carrier = carrier
        self._granted = granted
        self._gone = gone
        self._opening: Opening | None = None
        acceptor.first_message.start(self)
        stream.attach(self)
        if early:
            self.data_received(early)

    def data_received(self, data: Buffer, /) -> None:
        """Read on in the first message, in either wire protocol; refuse what is none."""
        opening = self._opening
        if opening is None:
            opening = self._opening = opening_of(data[0])
        try:
            message = opening.receive_data(data)
        except RemoteProtocolError as exc:
            _refused.trace("[%s] %s", address_text(self._stream.info("peername")), exc)
            self._acceptor.first_message.stop(self)
            refuse(self._stream, opening.data_to_send(), self._gone)
            return
        if answer := opening.data_to_send():
            self._stream.write(answer)
        if message is not None:
            self._acceptor.first_message.stop(self)
            self._stream.detach()
            self._stream.unread(opening.leftover())
            self._acceptor.opened(
                Arrival(
                    self._stream,
                    message,
                    opening.codec,
                    carrier=self._carrier,
                    granted=self._granted,
                    gone=self._gone,
                )
            )

    def eof_received(self) -> None:
        """Close: the message will not come."""
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        """Stop waiting and call ``gone``."""
        self._acceptor.first_message.stop(self)
        self._gone()

    def time_out(self) -> None:
        """Abort: the message has not come in time."""
        self._stream.abort()

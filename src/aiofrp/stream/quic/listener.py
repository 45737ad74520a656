"""QUIC connections that peers open to one UDP port (docs/protocol/wire.md §5).

Anybody can send any datagram with any source address, and a handshake costs a thousand times what its first datagram
costs the sender. So the number of handshakes at one time is limited. While there are many, a client must first prove
its address with the token of a Retry packet (RFC 9000 §8.1), which costs no memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable

from aiofrp import faults, logs
from aiofrp.stream.quic.core.connection import QuicCore
from aiofrp.stream.quic.core.library import CID_SIZE, Configuration, retry_packet, version_packet
from aiofrp.stream.quic.core.limits import Judge, QuicListenLimits
from aiofrp.stream.quic.session import QuicSession
from aiofrp.stream.quic.stream import QuicStream
from aiofrp.stream.udp.listening import Drain, PerSecond, Sources
from aiofrp.stream.udp.losses import Losses
from aiofrp.stream.udp.socket import MAX_DATAGRAM, Address, Piece, UdpSocket
from aiofrp.wire.quic.header import MIN_INITIAL, VERSION_1, LongHeader, RetryTokens, parse_long

_log = logs.get(__name__)
_TOO_MANY = "they would begin QUIC connections, of which there are too many, in all or from one address"

_VERSIONS = (VERSION_1,)
#: Bytes of the connection id a client chooses for its server, at least (RFC 9000 §7.2).
_MIN_CHOSEN = 8


class QuicListener:
    """Connections on ``sock``, a bound, non-blocking UDP socket that it owns.

    ``tls`` is asked at every handshake for the configuration and the judge of clients' certificates, if they must have
    any. ``on_stream`` is called with each stream a client opens. A connection may use little, and not for long, until
    somebody calls its :meth:`~aiofrp.stream.quic.session.QuicSession.granted`; the streams' info ``carrier`` gives the
    session.
    """

    def __init__(
        self,
        sock: socket.socket,
        tls: Callable[[], tuple[Configuration, Judge | None]],
        on_stream: Callable[[QuicStream], None],
        *,
        limits: QuicListenLimits | None = None,
    ) -> None:
        self._udp = UdpSocket(sock, self._received, self._refused)
        self._tls = tls
        self._on_stream = on_stream
        self._limits = limits or QuicListenLimits()
        self._loop = asyncio.get_running_loop()
        self._name = self._udp.name
        self._sizes = [
            CID_SIZE
        ]  # of ids in use; clients without ids of their own choose ours, of 8 to 20 bytes
        self._by_cid: dict[bytes, QuicSession] = {}  # a few ids for each session, limited by the library
        self._sessions: dict[QuicSession, set[bytes]] = {}  # → its ids; limits.connections
        self._by_source = Sources(self._limits.connections_per_source)
        self._handshakes: set[QuicSession] = set()  # limits.handshakes
        self._tokens = RetryTokens(os.urandom(32))
        self._answers = PerSecond(self._limits.answers_per_second)
        self._end = Drain(self._sessions, self._close_socket)
        self._losses = Losses(_log)

    def __repr__(self) -> str:
        return (
            f"<QuicListener {self._name} sessions={len(self._sessions)} handshakes={len(self._handshakes)}>"
        )

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def address(self) -> tuple[str, int]:
        """The local address: host and port."""
        return str(self._name[0]), int(self._name[1])

    def close(self) -> None:
        """Accept no new connections; the socket is closed when the last connection ends."""
        self._end.close()

    def abort(self) -> None:
        """Accept no new connections, and end all connections at once."""
        for session in list(self._sessions):
            session.abort()
        self.close()

    async def drain(self, seconds: float) -> None:
        """Close every connection, wait at most ``seconds`` for their closing periods, then drop those left."""
        for session in list(self._sessions):
            session.close()
        await self._end.wait(seconds)
        self.abort()

    # Endpoint of the sessions

    def send(self, datagrams: list[bytes], address: Address, /) -> None:
        self._udp.send(datagrams, address)

    def poll(self) -> None:
        self._udp.poll()

    def connection_id(self, session: QuicSession, cid: bytes, valid: bool, /) -> None:
        cids = self._sessions.get(session)
        if cids is None:
            return
        if valid:
            if len(cid) not in self._sizes:
                self._sizes.append(len(cid))
            self._by_cid[cid] = session
            cids.add(cid)
        else:
            self._by_cid.pop(cid, None)
            cids.discard(cid)

    def gone(self, session: QuicSession, /) -> None:
        for cid in self._sessions.pop(session, ()):
            self._by_cid.pop(cid, None)
        self._handshakes.discard(session)
        self._by_source.remove(session.peername)
        self._end.check()

    def _close_socket(self) -> None:
        self._losses.close()
        self._udp.close()

    # Private: datagrams

    def _received(self, pieces: list[Piece]) -> None:
        touched: dict[QuicSession, None] = {}
        for data, size, address in pieces:
            if size <= MAX_DATAGRAM:
                for start, end in _runs(data, size):
                    session = self._find(data[start : start + size], address)
                    if session is not None:
                        touched[session] = None
                        run = data if end - start == len(data) else data[start:end]
                        try:
                            session.receive(run, size, address)
                        except faults.FAULTS as exc:
                            _failed(session, exc)
        for session in touched:
            try:
                session.received()
            except faults.FAULTS as exc:
                _failed(session, exc)

    def _refused(self, exc: OSError) -> None:
        """Not for sockets without a peer."""

    def _find(self, datagram: bytes, address: Address) -> QuicSession | None:
        """The session a datagram is for; a new one if it may begin one."""
        if not datagram[0] & 0x80:
            for size in self._sizes:
                if (session := self._by_cid.get(datagram[1 : 1 + size])) is not None:
                    return session
            return None
        header = parse_long(datagram)
        if header is None:
            return None
        session = self._by_cid.get(header.destination)
        if session is not None or len(datagram) < MIN_INITIAL or self._end.closed:
            return session
        if header.version not in _VERSIONS:
            if header.version and self._answers.take():
                answer = version_packet(header.source, header.destination, _VERSIONS)
                self._udp.send([answer], address)
            return None
        if not header.initial or len(header.destination) < _MIN_CHOSEN:
            return None
        return self._begin(header, address)

    def _begin(self, header: LongHeader, address: Address) -> QuicSession | None:
        limits = self._limits
        if (
            len(self._handshakes) >= limits.handshakes
            or len(self._sessions) >= limits.connections
            or self._by_source.full(address)
        ):
            self._losses.lost("connections", _TOO_MANY)
            return None
        original, retried = header.destination, None
        if header.token or len(self._handshakes) >= limits.free_handshakes:
            known = self._tokens.read(header.token, _address_bytes(address), int(time.monotonic()))
            if known is not None:
                original, retried = known, header.destination
            elif len(self._handshakes) >= limits.free_handshakes:
                self._retry(header, address)
                return None
        return self._new_session(header, original, retried, address)

    def _new_session(
        self, header: LongHeader, original: bytes, retried: bytes | None, address: Address
    ) -> QuicSession:
        (configuration, judge), limits = self._tls(), self._limits.connection

        def make(handler: QuicSession) -> QuicCore:
            return QuicCore(
                configuration,
                handler,
                limits,
                original_cid=original,
                retry_cid=retried,
                peer_cid=header.source,
                judge=judge,
            )

        session = QuicSession(
            make,
            self,
            peer=address,
            sockname=self._name,
            limits=limits,
            granted=False,
            on_ready=lambda: self._ready(session),
            on_stream=self._on_stream,
        )
        self._sessions[session] = set()
        self._by_source.add(address)
        self._handshakes.add(session)
        for cid in (header.destination, session.core.host_cid):
            self.connection_id(session, cid, True)
        self._loop.call_later(self._limits.handshake_seconds, self._time_out, session)
        return session

    def _ready(self, session: QuicSession) -> None:
        self._handshakes.discard(session)
        self._loop.call_later(self._limits.login_seconds, session.end_unless_granted)

    def _time_out(self, session: QuicSession) -> None:
        if session in self._handshakes:
            session.abort()

    def _retry(self, header: LongHeader, address: Address) -> None:
        if not self._answers.take():
            return
        token = self._tokens.make(_address_bytes(address), header.destination, int(time.monotonic()))
        answer = retry_packet(header.version, header.source, os.urandom(CID_SIZE), header.destination, token)
        self._udp.send([answer], address)


def _failed(session: QuicSession, exc: BaseException) -> None:
    faults.report(f"the QUIC connection of {session.peername} failed", exc)


def _runs(data: bytes, size: int) -> list[tuple[int, int]]:
    """Runs of datagrams for one connection in what one read gave: nearly always a single one."""
    if size >= len(data):
        return [(0, len(data))] if data else []
    if _alike(data, size):
        return [(0, len(data))]
    head, runs, start = data[1 : 1 + CID_SIZE], [], 0
    short = not data[0] & 0x80
    for at in range(size, len(data), size):
        if not short or data[at + 1 : at + 1 + CID_SIZE] != head or data[at] & 0x80:
            runs.append((start, at))
            start, head, short = at, data[at + 1 : at + 1 + CID_SIZE], not data[at] & 0x80
    runs.append((start, len(data)))
    return runs


def _alike(data: bytes, size: int) -> bool:
    """Whether all datagrams have short headers and one connection id. Asked for every read of a bulk transfer, so it
    has no loop over the datagrams."""
    firsts = data[::size]
    if not firsts.isascii():  # a long header has the highest bit set
        return False
    columns = (data[at::size] for at in range(1, 1 + CID_SIZE))
    return all(column.count(column[0]) == len(firsts) for column in columns)


def _address_bytes(address: Address) -> bytes:
    with contextlib.suppress(ValueError, OSError):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        return socket.inet_pton(family, address[0].partition("%")[0]) + int(address[1]).to_bytes(2, "big")
    return repr(address).encode()

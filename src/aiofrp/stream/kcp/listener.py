"""KCP sessions that peers open to one UDP port (docs/protocol/wire.md §4).

Anybody can send any datagram with any source address. So a peer costs little until it has proved its address, that
is, has shown that it receives what is sent there:

- no state before a datagram that begins a conversation: data with sequence number 0;
- sessions are limited in all and by source;
- at most three times the bytes received are sent to its address, see :mod:`aiofrp.wire.kcp.proof`;
- sessions of unproven peers are few, and the oldest is dropped for the next. While half of them are taken, a new peer
  must retransmit its first datagram, as every real one does within a fraction of a second, and only so many sessions
  per second begin.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from aiofrp import faults, logs
from aiofrp.stream.kcp.stream import KcpStream
from aiofrp.stream.layer import hand_out
from aiofrp.stream.stall import MIB, Account, StallLimits
from aiofrp.stream.udp.listening import Drain, PerSecond, Sources
from aiofrp.stream.udp.losses import Losses
from aiofrp.stream.udp.socket import MAX_DATAGRAM, Address, Piece, UdpSocket
from aiofrp.wire.kcp.fec import segments_of
from aiofrp.wire.kcp.pace import MAX_WINDOW
from aiofrp.wire.kcp.segment import ACK, PUSH, first_segment, reset_segment

_log = logs.get(__name__)
_TOO_MANY = "they would begin KCP sessions, of which there are too many, in all or from one address"


@dataclass(frozen=True, slots=True)
class KcpLimits:
    """What the sessions of one listener may cost."""

    sessions: int = 16_384  #: in all
    sessions_per_source: int = 4_096  #: from one address without port; a client without tcpMux has many
    unproven: int = 512  #: sessions of peers that have not proved their address; the oldest is dropped
    admitted_per_second: int = 500  #: new sessions while half of the unproven are taken
    resets_per_second: int = 100  #: answers to datagrams of unknown sessions
    remembered: int = 65_536  #: first datagrams of peers that must retransmit them
    unproven_seconds: float = 15.0  #: after which a session counts as proven
    send_window: int = MAX_WINDOW  #: segments
    receive_window: int = MAX_WINDOW  #: segments
    #: Bytes held for receivers that do not take them, of all sessions.
    receivers: StallLimits = field(default_factory=lambda: StallLimits(mark=64 * MIB, most=256 * MIB))


class KcpListener:
    """Sessions by remote address on ``sock``, a bound, non-blocking UDP socket that it owns.

    ``connected`` is called with each new session.
    """

    def __init__(
        self,
        sock: socket.socket,
        connected: Callable[[KcpStream], None],
        limits: KcpLimits | None = None,
    ) -> None:
        self._udp = UdpSocket(sock, self._received, self._refused)
        self._connected = connected
        self._limits = limits or KcpLimits()
        self._loop = asyncio.get_running_loop()
        self._receivers = Account(self._limits.receivers)
        self._name = self._udp.name
        self._sessions: dict[Address, KcpStream] = {}  # limits.sessions
        self._by_source = Sources(self._limits.sessions_per_source)
        self._unproven: dict[Address, float] = {}  # → loop time of its begin, oldest first; limits.unproven
        self._seen: set[int] = set()  # hashes of first datagrams; half of limits.remembered
        self._seen_before: set[int] = set()  # those of the time before
        self._admissions = PerSecond(self._limits.admitted_per_second)
        self._resets = PerSecond(self._limits.resets_per_second)
        self._losses = Losses(_log)
        self._end = Drain(self._sessions, self._close_socket)

    def __repr__(self) -> str:
        return f"<KcpListener {self._name} sessions={len(self._sessions)} unproven={len(self._unproven)}>"

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def held(self) -> int:
        """Bytes held for receivers that do not take them."""
        return self._receivers.held

    @property
    def address(self) -> tuple[str, int]:
        """The local address: host and port."""
        return str(self._name[0]), int(self._name[1])

    def close(self) -> None:
        """Accept no new sessions; the socket is closed when the last session ends."""
        self._end.close()

    async def drain(self, seconds: float) -> None:
        """Close, give the sessions ``seconds`` to end by themselves, then drop those that are left."""
        await self._end.wait(seconds)
        for stream in list(self._sessions.values()):
            stream.abort()

    # Endpoint of the sessions

    def send(self, datagrams: list[bytes], address: Address, /) -> None:
        self._udp.send(datagrams, address)

    def poll(self) -> None:
        self._udp.poll()

    # Private: datagrams

    def _received(self, pieces: list[Piece]) -> None:
        touched: dict[Address, KcpStream] = {}
        sessions = self._sessions
        for data, size, address in pieces:
            stream = sessions.get(address)
            if stream is None or not stream.receive(data, size):
                stream = self._unknown(data, size, address, stream)
            if stream is not None:
                touched[address] = stream
        for address, stream in touched.items():
            if stream.proven and address in self._unproven:
                del self._unproven[address]
            faults.call(f"the KCP session of {address} failed", stream.received)

    def _refused(self, exc: OSError) -> None:
        """Not for sockets without a peer."""

    def _unknown(self, data: bytes, size: int, address: Address, known: KcpStream | None) -> KcpStream | None:
        """A datagram of no session, or not of the session with its address: perhaps the first of a new one."""
        packet = segments_of(data[:size]) if size <= MAX_DATAGRAM else b""
        opening = first_segment(packet)
        if opening is None:
            return None
        conv, command, sn, una = opening
        if command == PUSH and sn == 0:
            if known is None or known.silent:
                return self._admit(conv, data, size, address, known)
        elif known is None and (una or command == ACK):
            self._reset(conv, address)
        return None

    def _admit(
        self, conv: int, data: bytes, size: int, address: Address, known: KcpStream | None
    ) -> KcpStream | None:
        if self._end.closed or not self._may_begin(conv, address):
            return None
        if known is not None:
            known.forget("its address began another conversation")
        stream = KcpStream(
            self,
            conv,
            peer=address,
            send_to=address,
            sockname=self._name,
            gone=self._gone,
            answering=True,
            send_window=self._limits.send_window,
            receive_window=self._limits.receive_window,
            receivers=self._receivers,
        )
        self._sessions[address] = stream
        self._by_source.add(address)
        self._unproven[address] = self._loop.time()
        stream.receive(data, size)
        hand_out(stream, self._connected)
        return stream

    # Private: limits

    def _may_begin(self, conv: int, address: Address) -> bool:
        limits = self._limits
        if len(self._sessions) >= limits.sessions or self._by_source.full(address):
            self._losses.lost("sessions", _TOO_MANY)
            return False
        if len(self._unproven) < limits.unproven // 2:
            return True
        self._settle_old()
        if not self._repeats(hash((conv, address))):
            return False  # the peer sends it again, one with a spoofed address does not
        if not self._admissions.take():
            self._losses.lost("sessions", _TOO_MANY)
            return False
        if len(self._unproven) >= limits.unproven:
            self._sessions[next(iter(self._unproven))].forget(
                "dropped for others before it showed that it receives"
            )
        return True

    def _settle_old(self) -> None:
        """After 15 s the session counts as proven: the layer above would have closed it."""
        before = self._loop.time() - self._limits.unproven_seconds
        while self._unproven:
            oldest = next(iter(self._unproven))
            if self._unproven[oldest] > before:
                break
            del self._unproven[oldest]

    def _repeats(self, mark: int) -> bool:
        if mark in self._seen or mark in self._seen_before:
            return True
        if len(self._seen) >= self._limits.remembered // 2:
            self._seen, self._seen_before = set(), self._seen
        self._seen.add(mark)
        return False

    def _reset(self, conv: int, address: Address) -> None:
        """Answer a datagram of an unknown session, perhaps of the process before this one, with a reset."""
        if self._resets.take():
            self._udp.send([reset_segment(conv)], address)

    # Private: the end of sessions

    def _gone(self, stream: KcpStream) -> None:
        address = stream.peername
        if self._sessions.get(address) is stream:
            del self._sessions[address]
            self._unproven.pop(address, None)
            self._by_source.remove(address)
            self._end.check()

    def _close_socket(self) -> None:
        self._losses.close()
        self._udp.close()
        self._receivers.close()


__all__ = ["KcpLimits", "KcpListener"]

"""Runs a plan on sockets until the peer's datagram comes (docs/protocol/nat.md §5).

One task sends, in the pace of the plan; the sockets are read by callbacks. Anybody can send anything to the ports, so
only so many datagrams a second are decrypted: :data:`KNOWN_PER_SECOND` from hosts that the peer announced, and
:data:`OTHERS_PER_SECOND` from others, as a NAT may have more addresses than STUN saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from aiofrp import faults
from aiofrp.aio import Scope
from aiofrp.errors import RemoteProtocolError, TimedOut
from aiofrp.nat.punch.plan import Endpoint, Plan, Send
from aiofrp.stream.udp.listening import PerSecond
from aiofrp.stream.udp.readable import Watch
from aiofrp.transport.files import is_last
from aiofrp.wire.frp.messages import NatHoleSid
from aiofrp.wire.nathole.sid import LONGEST, SidCodec

KNOWN_PER_SECOND, OTHERS_PER_SECOND = 2_000, 500
#: Datagrams read in one turn of the loop of one socket.
_READS = 16
#: Characters of the longest nonce, which only changes the length of a datagram.
_NONCE = 19


@dataclass(frozen=True, slots=True)
class Hole:
    """A way through both NATs; the caller owns the socket."""

    socket: socket.socket  #: bound, non-blocking; the peer knows it
    peer: Endpoint  #: where the peer's datagrams come from


async def punch(plan: Plan, sock: socket.socket, codec: SidCodec, transaction: str) -> Hole:
    """Punch a hole from ``sock``, a bound, non-blocking UDP socket over IPv4, which is closed unless it is the one that
    the peer was met on. ``transaction``: names this side's datagrams.

    Raises :class:`~aiofrp.errors.TimedOut` when no datagram of the peer comes in time.
    """
    attempt = _Attempt(plan, sock, codec, transaction)
    hole: Hole | None = None
    try:
        hole = await attempt.run()
    finally:
        attempt.close(None if hole is None else hole.socket)
    return hole


class _Attempt:
    """One attempt: the sockets, and what has come."""

    def __init__(self, plan: Plan, sock: socket.socket, codec: SidCodec, transaction: str) -> None:
        self._plan = plan
        self._codec = codec
        self._transaction = transaction
        self._won: asyncio.Future[Hole] = asyncio.get_running_loop().create_future()
        self._known, self._others = PerSecond(KNOWN_PER_SECOND), PerSecond(OTHERS_PER_SECOND)
        self._foreign = 0  # datagrams that were none of this hole
        self._sockets = [sock, *_more_sockets(plan.sockets - 1)]
        self._watches = [
            Watch(each, partial(self._readable, number)) for number, each in enumerate(self._sockets)
        ]

    async def run(self) -> Hole:
        plan, scope = self._plan, Scope("punch")
        try:
            sending = scope.spawn(self._send_first(), "first")
            assert sending is not None
            await asyncio.wait((sending, self._won), return_when=asyncio.FIRST_COMPLETED)
            if not self._won.done():
                scope.spawn(self._send(plan.guesses(random.randint)), "guesses")
                await asyncio.wait((self._won,), timeout=plan.wait)
        finally:
            await scope.close()
        if not self._won.done():
            came = f", but {self._foreign} other datagrams" if self._foreign else ""
            raise TimedOut(
                f"wait detect message timeout: nothing came from the peer within {plan.wait:g} s{came}"
            )
        return self._won.result()

    def close(self, kept: socket.socket | None) -> None:
        """Close every socket but ``kept``."""
        for watch, sock in zip(self._watches, self._sockets, strict=True):
            watch.end()
            if sock is not kept:
                sock.close()

    # Sending

    async def _send_first(self) -> None:
        await asyncio.sleep(self._plan.delay)
        await self._send(self._plan.first(len(self._sockets)))

    async def _send(self, sends: Iterable[Send]) -> None:
        for send in sends:
            message = NatHoleSid(
                transaction_id=self._transaction,
                sid=self._plan.sid,
                nonce="0" * random.randint(0, _NONCE),
            )
            sock = self._sockets[send.socket]
            with contextlib.suppress(OSError), _ttl(sock, self._plan.ttl):  # as good as lost on the way
                sock.sendto(self._codec.encode(message), send.address)
            if send.pause:
                await asyncio.sleep(send.pause)

    # Receiving

    def _readable(self, number: int) -> None:
        try:
            for _ in range(_READS):
                if self._won.done():
                    return  # what follows belongs to the tunnel
                datagram, source = self._sockets[number].recvfrom(LONGEST)
                faults.call("a datagram of a hole failed", self._received, number, datagram, source)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # an ICMP error about an earlier datagram
            self._watches[number].renew()

    def _received(self, number: int, datagram: bytes, source: Endpoint) -> None:
        limit = self._known if source[0] in self._plan.peers else self._others
        message = self._decoded(datagram) if limit.take() else None
        if message is None:
            self._foreign += 1
            return
        if not message.response:
            if self._plan.sender:
                return  # the receiver's own first datagram; its answer to ours comes
            reply = NatHoleSid(
                transaction_id=message.transaction_id, sid=message.sid, response=True, nonce=message.nonce
            )
            with contextlib.suppress(OSError):
                self._sockets[number].sendto(self._codec.encode(reply), source)
        self._won.set_result(Hole(self._sockets[number], source))

    def _decoded(self, datagram: bytes) -> NatHoleSid | None:
        """The message of this hole in ``datagram``, if there is one."""
        with contextlib.suppress(RemoteProtocolError):
            message = self._codec.decode(datagram)
            if secrets.compare_digest(message.sid.encode(), self._plan.sid.encode()):
                return message
        return None


def _more_sockets(count: int) -> list[socket.socket]:
    """Up to ``count`` sockets on free ports; fewer when only the last files are left."""
    sockets: list[socket.socket] = []
    for _ in range(count):
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        except OSError:
            break
        sockets.append(sock)
        if is_last(sock.fileno()):
            sockets.pop().close()
            break
        sock.setblocking(False)
        sock.bind(("0.0.0.0", 0))
    return sockets


@contextlib.contextmanager
def _ttl(sock: socket.socket, ttl: int) -> Iterator[None]:
    """Send with another TTL meanwhile; 0 changes nothing."""
    if not ttl:
        yield
        return
    before = sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    try:
        yield
    finally:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, before)

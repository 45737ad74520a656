"""The UDP port users send to: of a udp proxy on frps, and of a sudp visitor on frpc."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from aiofrp.errors import FrpError
from aiofrp.host.contexts import DatagramUser
from aiofrp.proxy.datagrams.packets import User, user_of
from aiofrp.proxy.datagrams.udpsocket import DatagramSocket
from aiofrp.proxy.datagrams.users import Pool, UdpUsers
from aiofrp.stream.udp.losses import Losses
from aiofrp.wire.addresses import plain_host
from aiofrp.wire.frp.messages import UDPPacket

#: Seconds without a datagram of, or for, a user after which none is sent to it any more: twice the time after which
#: the other side forgets the user.
USER_IDLE = 60.0
#: Datagrams kept of a user who waits to be admitted; later ones are dropped.
MAX_HELD = 8
#: UdpUsers of all such ports of one process.
_POOL = Pool(lambda: 65_536)


Admit = Callable[[User, Callable[[], None], Callable[[FrpError], None]], None]
"""The gate of a proxy: see :meth:`aiofrp.host.contexts.ServerContext.admit`."""


class _UserGate:
    """What is kept of a user: whether he is admitted, and what he sent before; ``None`` for one who was refused."""

    __slots__ = ("admitted", "held")

    def __init__(self, admitted: bool) -> None:
        self.admitted = admitted
        self.held: list[bytes] | None = []  # limited by MAX_HELD

    def hold(self, data: bytes) -> bool:
        """Keep a datagram that came too early; False where it is dropped."""
        if self.held is None or len(self.held) >= MAX_HELD:
            return False
        self.held.append(data)
        return True

    def refuse(self, error: FrpError) -> None:
        """Drop everything from now on, until the user was silent for :data:`USER_IDLE`."""
        self.held = None


#: Stands for every user of a port without a gate.
_ADMITTED = _UserGate(True)


class UserPort:
    """A bound socket, which it owns; users are shown without the IPv4-in-IPv6 prefix of a dual-stack socket.

    Only users that sent something lately are sent something: the other side names addresses, and must not be able to
    send from here to any address it likes.

    ``received`` gets the datagrams of one wake-up with their users; ``size`` bytes are read of each. ``admit`` is asked
    once for each new user; ``None`` admits all.
    """

    __slots__ = ("_admit", "_loop", "_losses", "_mapped", "_received", "_socket", "_sweep", "_users")

    def __init__(
        self,
        sock: socket.socket,
        size: int,
        received: Callable[[list[tuple[bytes, User]]], None],
        losses: Losses,
        admit: Admit | None = None,
    ) -> None:
        self._admit = admit
        self._losses = losses
        self._mapped = sock.family == socket.AF_INET6
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._users: UdpUsers[_UserGate] = UdpUsers(_POOL, lambda value: None, losses)
        self._sweep: asyncio.TimerHandle | None = None  # while there are users
        self._socket = DatagramSocket(sock, size, self._arrived, losses)
        self._socket.widen()

    def send(self, packets: list[UDPPacket]) -> int:
        """Send packets to the users they name, if they sent something lately; returns the bytes that were sent."""
        size, now, answered = 0, self._loop.time(), self._users.answered
        for packet in packets:
            user = user_of(packet)
            if user is not None and answered(user, now, len(packet.content)):
                self._socket.send(packet.content, self._address(user))
                size += len(packet.content)
            else:
                self._losses.lost("no_user", "they are for addresses that sent nothing lately")
        return size

    def users(self) -> list[DatagramUser]:
        """Who sent something lately, those known for longer first."""
        began = time.time() - self._loop.time()
        return [
            DatagramUser(user, began + entry.first, entry.bytes_in, entry.bytes_out)
            for user, entry in self._users.items()
        ]

    def forget(self, user: User) -> bool:
        """Send ``user`` nothing more before it sends something again; returns whether it sent something lately."""
        return self._users.forget(user)

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._socket.close()
        self._users.clear()
        if self._sweep is not None:
            self._sweep.cancel()

    def _arrived(self, datagrams: list[tuple[bytes, Any]]) -> None:
        now, came = self._loop.time(), self._users.came
        found = [(data, (plain_host(name[0]), name[1])) for data, name in datagrams]
        if self._admit is not None:
            found = self._admitted(self._admit, found, now)
        else:
            for data, user in found:
                if not came(user, now, len(data)):
                    self._users.add(user, _ADMITTED, now, len(data))
        if self._sweep is None:
            self._sweep = self._loop.call_later(USER_IDLE / 2, self._forget_idle)
        if found:
            self._received(found)

    def _admitted(
        self, admit: Admit, found: list[tuple[bytes, User]], now: float
    ) -> list[tuple[bytes, User]]:
        """The datagrams of users who are admitted; those of others are held or dropped."""
        passed = []
        for data, user in found:
            entry = self._users.came(user, now, len(data))
            if entry is None:
                entry = _UserGate(False)
                self._users.add(user, entry, now, len(data))
                admit(user, partial(self._enter, user, entry), entry.refuse)
            if entry.admitted:
                passed.append((data, user))
            elif not entry.hold(data):
                self._losses.lost(
                    "not_admitted", f"their users are not admitted, or not yet ({MAX_HELD} are kept)"
                )
        return passed

    def _enter(self, user: User, entry: _UserGate) -> None:
        """``user`` is admitted: pass on what he sent meanwhile, unless he was forgotten."""
        held, entry.held, entry.admitted = entry.held, None, True
        if held and self._users.came(user, self._loop.time()) is entry:
            self._received([(data, user) for data in held])

    def _forget_idle(self) -> None:
        self._users.expire(self._loop.time() - USER_IDLE)
        again = len(self._users) > 0
        self._sweep = self._loop.call_later(USER_IDLE / 2, self._forget_idle) if again else None

    def _address(self, user: User) -> User:
        """The address to send to: on a dual-stack socket IPv4 is written inside IPv6."""
        return (f"::ffff:{user[0]}", user[1]) if self._mapped and ":" not in user[0] else user

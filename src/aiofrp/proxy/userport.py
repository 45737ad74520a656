"""The UDP port users send to: of a udp proxy on frps, and of a sudp visitor on frpc."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from aiofrp.proxy.datagrams import DatagramSocket
from aiofrp.proxy.packets import User, user_of
from aiofrp.transport.net import plain_host
from aiofrp.wire.messages import UDPPacket


class UserPort:
    """A bound socket, which it owns; users are shown without the IPv4-in-IPv6 prefix of a dual-stack socket.

    ``received`` gets the datagrams of one wake-up with their users; ``size`` bytes are read of each.
    """

    __slots__ = ("_mapped", "_received", "_socket")

    def __init__(
        self, sock: socket.socket, size: int, received: Callable[[list[tuple[bytes, User]]], None]
    ) -> None:
        self._mapped = sock.family == socket.AF_INET6
        self._received = received
        self._socket = DatagramSocket(sock, size, self._arrived)
        self._socket.widen()

    def send(self, packets: list[UDPPacket]) -> int:
        """Send packets to the users they name; returns the bytes of those with a usable address."""
        size = 0
        for packet in packets:
            user = user_of(packet)
            if user is not None:
                self._socket.send(packet.content, self._address(user))
                size += len(packet.content)
        return size

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._socket.close()

    def _arrived(self, datagrams: list[tuple[bytes, Any]]) -> None:
        self._received([(data, (plain_host(name[0]), name[1])) for data, name in datagrams])

    def _address(self, user: User) -> User:
        """The address to send to: on a dual-stack socket IPv4 is written inside IPv6."""
        return (f"::ffff:{user[0]}", user[1]) if self._mapped and ":" not in user[0] else user

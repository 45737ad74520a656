"""IP packets, and a device of a virtual network without the system: its far end is a socket of the test."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct

from aiofrp.vnet.device import Address, Device
from aiofrp.wire.vnetframes import LENGTH


def packed(address: str) -> bytes:
    """An address as it stands in packets."""
    return ipaddress.ip_address(address).packed


def pair(source: str, destination: str) -> bytes:
    """Two addresses as routes know them."""
    return packed(source) + packed(destination)


def packet(source: str, destination: str, payload: bytes = b"") -> bytes:
    """A packet of IPv4 or IPv6 with a protocol number for experiments, and no checksum."""
    addresses = pair(source, destination)
    if len(addresses) == 8:
        return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, 253, 0) + addresses + payload
    return struct.pack(">IHBB", 6 << 28, len(payload), 253, 64) + addresses + payload


def framed(*packets: bytes) -> bytes:
    """Packets as they stand in a connection."""
    return b"".join(LENGTH.pack(len(packet)) + packet for packet in packets)


class _Opened(Device):
    """The device of a fake."""

    fake: FakeDevice

    def exists(self) -> bool:
        return not self.fake.removed


class FakeDevice:
    """What the system would be: it sends packets into the device, and sees those that come out of it."""

    def __init__(self) -> None:
        self._system, self._ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._system.setblocking(False)
        self.removed = False  #: somebody has removed the interface

    def open(self, address: Address) -> Device:
        """What makes the device."""
        made = _Opened("fake0", self._ours.fileno(), self._ours.close)
        made.fake = self
        return made

    def send(self, *packets: bytes) -> None:
        """The system routes packets to the device."""
        for data in packets:
            self._system.send(data)

    def received(self) -> list[bytes]:
        """What came out of the device since the last call."""
        packets = []
        try:
            while True:
                packets.append(os.read(self._system.fileno(), 65_535))
        except BlockingIOError:
            return packets

    def close(self) -> None:
        self._system.close()
        self._ours.close()

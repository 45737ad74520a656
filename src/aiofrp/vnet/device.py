"""The device of a virtual network: what the system routes to it is read here, and what is written here the system
takes as received.

How a device is made is in a file for each system.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from aiofrp.errors import FrpError

#: Bytes of the longest packet that the system sends through the device.
MTU: Final = 1420
#: Packets read in one wake-up, so that others get their turn.
BATCH: Final = 64
#: Bytes read of each packet; more than :data:`MTU`, for somebody may raise that of the device.
_READ: Final = 65_535

#: An address with the length of its prefix.
Address: TypeAlias = ipaddress.IPv4Interface | ipaddress.IPv6Interface


class DeviceError(FrpError):
    """There is no virtual network: the device cannot be made, or is gone."""


class Device:
    """An open device, which it owns; the system removes the device when the descriptor is closed.

    ``header`` gives the bytes that the system wants before a packet, by the packet; ``None`` where it wants none.
    """

    __slots__ = ("_close", "_header", "descriptor", "name")

    def __init__(
        self,
        name: str,
        descriptor: int,
        close: Callable[[], None],
        header: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.name = name
        self.descriptor = descriptor
        self._close = close
        self._header = header
        os.set_blocking(descriptor, False)

    def receive(self) -> list[bytes]:
        """The packets that wait, :data:`BATCH` at most. Raises :class:`DeviceError` when the device is gone."""
        packets: list[bytes] = []
        add, read, descriptor = packets.append, os.read, self.descriptor
        try:
            for _ in range(BATCH):
                add(read(descriptor, _READ))
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as exc:
            if not packets:
                raise DeviceError(f"read from {self.name}: {exc.strerror}") from exc
        if self._header is not None:
            skip = len(self._header(b""))
            return [packet[skip:] for packet in packets]
        return packets

    def send(self, packets: Iterable[bytes]) -> tuple[int, str]:
        """Let the system receive ``packets``; gives how many it refused, and why it refused the last of them."""
        write, descriptor, header = os.write, self.descriptor, self._header
        refused, why = 0, ""
        for packet in packets:
            try:
                write(descriptor, packet if header is None else header(packet) + packet)
            except OSError as exc:
                refused, why = refused + 1, exc.strerror or str(exc)
        return refused, why

    def exists(self) -> bool:
        """Whether the system still has the device."""
        try:
            socket.if_nametoindex(self.name)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Remove the device."""
        self._close()


def parse_address(text: str) -> Address:
    """The address and prefix that ``text`` names. Raises :class:`DeviceError`."""
    try:
        if "/" not in text:
            raise ValueError
        return ipaddress.ip_interface(text)
    except ValueError:
        raise DeviceError(f"invalid CIDR address: {text}") from None


def explain(name: str, exc: OSError) -> DeviceError:
    """The error for a device that could not be made, with what to do about it."""
    hints = {
        errno.EPERM: "; it needs root or the capability CAP_NET_ADMIN",
        errno.EACCES: "; it needs root or the capability CAP_NET_ADMIN",
        errno.ENOENT: "; load the module tun (modprobe tun), or give the container this device",
        errno.ENODEV: "; load the module tun (modprobe tun), or give the container this device",
        errno.ENXIO: "; load the module tun (modprobe tun), or give the container this device",
    }
    what = f"{exc.filename}: " if exc.filename else ""
    text = f"failed to create TUN device '{name}': {what}{exc.strerror or exc}{hints.get(exc.errno or 0, '')}"
    return DeviceError(text)

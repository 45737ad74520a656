"""The device of macOS: a utun interface, with address and routes by ifconfig and route. It was written from the
documents of the system and of frp, and has not been run."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Final

from aiofrp.vnet.device import MTU, Address, Device, DeviceError, explain

_CONTROL: Final = "com.apple.net.utun_control"
#: net/if_utun.h: the option that gives the name of the interface.
_UTUN_OPT_IFNAME: Final = 2
#: Seconds a command may take.
_COMMAND_TIMEOUT: Final = 10.0
#: The address families that stand before each packet, as macOS numbers them.
_FAMILY4, _FAMILY6 = (2).to_bytes(4, "big"), (30).to_bytes(4, "big")


def open_utun(address: Address) -> Device:
    """Make a device, give it ``address``, set it up and lead the prefix to it. Raises
    :class:`~aiofrp.vnet.device.DeviceError`."""
    sock, name = _create()
    device = Device(name, sock.fileno(), sock.close, family_header)
    try:
        for command in commands(name, address):
            _run(command)
    except BaseException:
        device.close()
        raise
    return device


def _create() -> tuple[socket.socket, str]:
    if sys.platform != "darwin":
        raise DeviceError("utun is a device of macOS")
    try:
        sock = socket.socket(socket.PF_SYSTEM, socket.SOCK_DGRAM, socket.SYSPROTO_CONTROL)
        sock.connect(_CONTROL)
    except OSError as exc:
        raise explain("utun", exc) from exc
    name = sock.getsockopt(socket.SYSPROTO_CONTROL, _UTUN_OPT_IFNAME, 32)
    return sock, name.rstrip(b"\0").decode()


def family_header(packet: bytes) -> bytes:
    """The four bytes before a packet."""
    return _FAMILY6 if packet and packet[0] >> 4 == 6 else _FAMILY4


def commands(name: str, address: Address) -> list[list[str]]:
    """What is run to set the interface up: the address with one of its own prefix as the far end, and the route."""
    mtu, network = str(MTU), str(address.network)
    if address.version == 6:
        return [
            ["ifconfig", name, "inet6", str(address.ip), "prefixlen", str(address.network.prefixlen)],
            ["ifconfig", name, "mtu", mtu, "up"],
            ["route", "add", "-inet6", "-net", network, "-interface", name],
        ]
    packed = bytearray(address.ip.packed)
    packed[-1] = (packed[-1] + 1) % 256
    far = socket.inet_ntop(socket.AF_INET, bytes(packed))
    return [
        ["ifconfig", name, "inet", str(address.ip), far, "mtu", mtu, "up"],
        ["route", "add", "-net", network, "-interface", name],
    ]


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_COMMAND_TIMEOUT)
    except subprocess.CalledProcessError as exc:
        said = exc.stderr.decode(errors="replace").strip()
        raise DeviceError(f"{' '.join(command)}: {said or exc}") from exc
    except (OSError, subprocess.SubprocessError) as exc:
        raise DeviceError(f"{' '.join(command)}: {exc}") from exc

"""The device of Linux: /dev/net/tun, with addresses and routes by netlink."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import socket
import struct
from typing import Any, Final

from aiofrp.vnet.device import MTU, Address, Device, DeviceError, explain

_PATH: Final = "/dev/net/tun"
#: linux/if_tun.h: the request that makes a device; IP packets, and nothing before them.
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_REQUEST: Final = struct.Struct("16sH22x")
#: Names tried one after the other when another program takes them first.
_ATTEMPTS: Final = 16


def open_tun(address: Address) -> Device:
    """Make a device, give it ``address``, set it up and lead the prefix to it. Raises
    :class:`~aiofrp.vnet.device.DeviceError`."""
    device = _create(next_name(_names(), str(address)))
    try:
        _configure(device.name, address)
    except BaseException:
        device.close()
        raise
    return device


def next_name(names: list[str] | None, address: str) -> str:
    """``utun`` with the number after the highest there is; where the names are not known, with a number made of
    ``address``."""
    if names is None:
        return "utun" + hashlib.sha256(address.encode()).hexdigest()[:8]
    numbers = [name.removeprefix("utun") for name in names if name.startswith("utun")]
    used = [int(number) for number in numbers if number.isascii() and number.isdigit()]
    return f"utun{max(used, default=-1) + 1}"


def _names() -> list[str] | None:
    try:
        return [name for _, name in socket.if_nameindex()]
    except OSError:
        return None


def _create(name: str) -> Device:
    try:
        descriptor = os.open(_PATH, os.O_RDWR | os.O_CLOEXEC)
    except OSError as exc:
        raise explain(name, exc) from exc
    for _ in range(_ATTEMPTS):
        try:
            fcntl.ioctl(descriptor, _TUNSETIFF, _REQUEST.pack(name.encode(), _IFF_TUN | _IFF_NO_PI))
        except OSError as exc:
            if exc.errno == errno.EBUSY and name[4:].isdigit():  # another program was faster
                name = f"utun{int(name[4:]) + 1}"
                continue
            os.close(descriptor)
            raise explain(name, exc) from exc
        return Device(name, descriptor, lambda: os.close(descriptor))
    os.close(descriptor)
    raise DeviceError(f"failed to create TUN device '{name}': other programs took {_ATTEMPTS} names")


def _configure(name: str, address: Address) -> None:
    from pyroute2 import IPRoute  # takes 0.3 s
    from pyroute2.netlink.exceptions import NetlinkError

    done = "open netlink"
    try:
        with IPRoute() as route:
            index = route.link_lookup(ifname=name)[0]
            _check_free(route, index, address)
            done = f"set the MTU of {name}"
            route.link("set", index=index, mtu=MTU)
            done = f"add address {address} to {name}"
            route.addr("add", **_address_values(index, address))
            done = f"set {name} up"
            route.link("set", index=index, state="up")
            done = f"add route to {address.network}"
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            route.route("replace", family=family, dst=str(address.network), oif=index)
    except NetlinkError as exc:
        raise DeviceError(f"{done} error: {os.strerror(exc.code)}") from exc
    except OSError as exc:
        raise DeviceError(f"{done} error: {exc.strerror or exc}") from exc


def _address_values(index: int, address: Address) -> dict[str, Any]:
    values = {"index": index, "address": str(address.ip), "prefixlen": address.network.prefixlen}
    if address.version == 4 and address.network.prefixlen < 31:
        values["broadcast"] = str(address.network.broadcast_address)
    return values


def _check_free(route: Any, index: int, address: Address) -> None:
    """Raise :class:`DeviceError` when another interface has the address: the system would let both have it, and none
    of them would work."""
    for found in route.get_addr(address=str(address.ip)):
        if found["index"] != index:
            other = str(found["index"])
            with contextlib.suppress(OSError):
                other = socket.if_indextoname(found["index"])
            raise DeviceError(f"address {address.ip} is in use already: the interface {other} has it")

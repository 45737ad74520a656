"""Which device the system of this machine has."""

from __future__ import annotations

import platform
import sys

from aiofrp.vnet.device import Address, Device, DeviceError


def open_device(address: Address) -> Device:
    """Make the device of this system with ``address``; blocks for some milliseconds. Raises :class:`DeviceError`."""
    if sys.platform == "linux":
        from aiofrp.vnet import tun

        return tun.open_tun(address)
    if sys.platform == "darwin":
        from aiofrp.vnet import utun

        return utun.open_utun(address)
    machine = f"{sys.platform}/{platform.machine().lower()}"
    raise DeviceError(f"virtual net is not supported on this platform ({machine})")

"""The device of macOS: the commands that set it up. It runs on that system alone."""

from __future__ import annotations

import sys

import pytest

from aiofrp.vnet.device import DeviceError, parse_address
from aiofrp.vnet.utun import commands, open_utun


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "100.86.0.1/24",
            [
                "ifconfig utun3 inet 100.86.0.1 100.86.0.2 mtu 1420 up",
                "route add -net 100.86.0.0/24 -interface utun3",
            ],
        ),
        (
            "100.86.0.255/16",
            [
                "ifconfig utun3 inet 100.86.0.255 100.86.0.0 mtu 1420 up",
                "route add -net 100.86.0.0/16 -interface utun3",
            ],
        ),
        (
            "fd00::1/64",
            [
                "ifconfig utun3 inet6 fd00::1 prefixlen 64",
                "ifconfig utun3 mtu 1420 up",
                "route add -inet6 -net fd00::/64 -interface utun3",
            ],
        ),
    ],
)
def test_the_commands(address: str, expected: list[str]) -> None:
    assert [" ".join(command) for command in commands("utun3", parse_address(address))] == expected


@pytest.mark.skipif(sys.platform == "darwin", reason="it would make a device")
def test_elsewhere_there_is_none() -> None:
    with pytest.raises(DeviceError, match="utun is a device of macOS"):
        open_utun(parse_address("10.0.0.1/24"))

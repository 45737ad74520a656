"""The device of Linux: its name, and why it could not be made. That it works is shown between namespaces."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import Any

import pytest

from aiofrp.vnet import tun
from aiofrp.vnet.device import DeviceError, parse_address
from aiofrp.vnet.tun import next_name, open_tun
from tests.support.ippackets import packet
from tests.support.namespaces import machines, needs_namespaces

ADDRESS = parse_address("100.86.0.1/24")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "utun0"),
        (["lo", "eth0", "tun3", "utun"], "utun0"),
        (["utun0", "utun7", "utunx", "utun1"], "utun8"),
        (["utun-1", "utun٣", "utun2a"], "utun0"),
        (None, "utun" + "4eb55e43"),
    ],
)
def test_the_next_name(names: list[str] | None, expected: str) -> None:
    if names is None:
        import hashlib

        expected = "utun" + hashlib.sha256(b"100.86.0.1/24").hexdigest()[:8]
    assert next_name(names, "100.86.0.1/24") == expected


def test_no_such_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tun, "_PATH", "/dev/net/absent")
    with pytest.raises(DeviceError, match=r"/dev/net/absent: No such file or directory; load the module tun"):
        open_tun(ADDRESS)


def asked(monkeypatch: pytest.MonkeyPatch, *failures: int) -> list[str]:
    """Let the system answer requests for a device with these errors, the last one again and again; the names asked
    for."""
    names: list[str] = []

    def ioctl(descriptor: int, request: int, argument: bytes) -> Any:
        names.append(argument[:16].rstrip(b"\0").decode())
        number = failures[min(len(names), len(failures)) - 1]
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tun, "_PATH", os.devnull)
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monkeypatch.setattr(tun, "_names", lambda: ["utun4"])
    return names


def test_without_the_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    names = asked(monkeypatch, errno.EPERM)
    expected = (
        "^failed to create TUN device 'utun5': Operation not permitted; it needs root or the capability "
        "CAP_NET_ADMIN$"
    )
    with pytest.raises(DeviceError, match=expected):
        open_tun(ADDRESS)
    assert names == ["utun5"]


def test_a_name_that_another_program_takes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    names = asked(monkeypatch, errno.EBUSY, errno.EBUSY, errno.EPERM)
    with pytest.raises(DeviceError, match=r"^failed to create TUN device 'utun7': Operation not permitted"):
        open_tun(ADDRESS)
    assert names == ["utun5", "utun6", "utun7"]


def test_names_are_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    names = asked(monkeypatch, errno.EBUSY)
    with pytest.raises(DeviceError, match="other programs took 16 names"):
        open_tun(ADDRESS)
    assert len(names) == 16


@needs_namespaces
def test_real_devices() -> None:
    with machines("m") as (machine,):
        first = machine.call(lambda: open_tun(ADDRESS))
        second = machine.call(lambda: open_tun(parse_address("fd00:86::1/64")))
        alone = machine.call(lambda: open_tun(parse_address("10.7.7.7/32")))
        assert [device.name for device in (first, second, alone)] == ["utun0", "utun1", "utun2"]
        shown = machine.ip("addr", "show", "dev", "utun0")
        assert "mtu 1420" in shown
        assert "inet 100.86.0.1/24 brd 100.86.0.255" in shown
        assert "inet6 fd00:86::1/64" in machine.ip("addr", "show", "dev", "utun1")
        assert "inet 10.7.7.7/32 scope" in machine.ip("addr", "show", "dev", "utun2")
        assert "100.86.0.0/24 dev utun0" in machine.ip("route")
        assert "10.7.7.7 dev utun2" in machine.ip("route")
        assert "fd00:86::/64 dev utun1" in machine.ip("-6", "route")
        expected = r"^address 100.86.0.1 is in use already: the interface utun0 has it$"
        with pytest.raises(DeviceError, match=expected):
            machine.call(lambda: open_tun(parse_address("100.86.0.1/16")))
        assert "utun3" not in machine.ip("link")
        assert machine.call(first.exists)
        machine.ip("link", "del", "utun0")
        assert not machine.call(first.exists)
        assert first.send([packet("100.86.0.2", "100.86.0.1")])[0] == 1
        with pytest.raises(DeviceError, match=r"^read from utun0: "):
            first.receive()
        for device in (first, second, alone):
            device.close()
        assert "utun" not in machine.ip("link")

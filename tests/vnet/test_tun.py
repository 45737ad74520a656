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

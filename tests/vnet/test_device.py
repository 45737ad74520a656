"""A device: addresses in text, batches, what the system refuses, and errors with what to do."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from aiofrp.vnet.device import BATCH, Device, DeviceError, explain, parse_address
from aiofrp.vnet.utun import family_header
from tests.support.ippackets import FakeDevice, packet

GOOD, GOOD6 = packet("10.0.0.1", "10.0.0.2"), packet("fd00::1", "fd00::2")


@pytest.mark.parametrize("text", ["100.86.0.1/24", "fd00:86::1/64", "10.0.0.1/32"])
def test_addresses(text: str) -> None:
    assert str(parse_address(text)) == text


@pytest.mark.parametrize(
    "text", ["100.86.0.1", "100.86.0.256/24", "100.86.0.1/33", "x/24", "/", "fd00::1/129"]
)
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(DeviceError, match=f"^invalid CIDR address: {text}$"):
        parse_address(text)


def test_packets_are_read_in_batches() -> None:
    fake = FakeDevice()
    made = fake.open(parse_address("10.0.0.1/24"))
    assert made.receive() == []
    for _ in range(4):
        fake.send(GOOD, GOOD6)
    assert made.receive() == [GOOD, GOOD6] * 4
    assert BATCH >= 8
    fake.close()


def test_what_the_system_refuses_is_counted() -> None:
    fake = FakeDevice()
    made = fake.open(parse_address("10.0.0.1/24"))
    assert made.send([GOOD, GOOD6]) == (0, "")
    assert fake.received() == [GOOD, GOOD6]
    refused, why = made.send([bytes(1 << 22), GOOD])
    assert (refused, why) == (1, os.strerror(errno.EMSGSIZE))
    assert fake.received() == [GOOD]
    fake.close()
    assert made.send([GOOD])[0] == 1
    with pytest.raises(DeviceError, match=r"^read from fake0: "):
        made.receive()


def test_whether_the_interface_is_there() -> None:
    fake = FakeDevice()
    plain = fake.open(parse_address("10.0.0.1/24"))
    for _, name in socket.if_nameindex():
        assert Device(name, plain.descriptor, plain.close).exists()
    assert not Device("absent0", plain.descriptor, plain.close).exists()
    fake.close()


def test_a_system_that_wants_a_header_before_packets() -> None:
    fake = FakeDevice()
    plain = fake.open(parse_address("10.0.0.1/24"))
    made = Device("fake0", plain.descriptor, plain.close, family_header)
    made.send([GOOD, GOOD6])
    assert fake.received() == [b"\0\0\0\2" + GOOD, b"\0\0\0\x1e" + GOOD6]
    fake.send(b"\0\0\0\2" + GOOD)
    assert made.receive() == [GOOD]
    fake.close()


@pytest.mark.parametrize(
    ("number", "path", "expected"),
    [
        (errno.ENOENT, "/dev/net/tun", "/dev/net/tun: No such file or directory; load the module tun"),
        (
            errno.EACCES,
            "/dev/net/tun",
            "/dev/net/tun: Permission denied; it needs root or the capability CAP_NET",
        ),
        (errno.EPERM, None, "Operation not permitted; it needs root or the capability CAP_NET_ADMIN"),
        (errno.EMFILE, "/dev/net/tun", "/dev/net/tun: Too many open files"),
    ],
)
def test_errors_say_what_to_do(number: int, path: str | None, expected: str) -> None:
    error = explain("utun0", OSError(number, os.strerror(number), path))
    assert str(error).startswith(f"failed to create TUN device 'utun0': {expected}")

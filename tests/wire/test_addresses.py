"""Addresses of sockets as text."""

from __future__ import annotations

import sys

import pytest

from aiofrp.wire.addresses import (
    MAX_ADDRESS,
    address_of,
    address_text,
    is_address,
    is_loopback,
    join_host_port,
    source_of,
)


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "fe80::1%eth0", "::ffff:255.255.255.255"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "1.2.3", "fe80::1%e\0", "fe80::1%\xfc", "fe80::1%" + "e" * MAX_ADDRESS, "\u0661.1.1.1"],
)
def test_what_no_socket_takes(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize(
    ("name", "address", "text"),
    [
        (("192.0.2.1", 80), ("192.0.2.1", 80), "192.0.2.1:80"),
        (("::ffff:192.0.2.1", 80, 0, 0), ("192.0.2.1", 80), "192.0.2.1:80"),
        (("2001:db8::1", 80, 0, 0), ("2001:db8::1", 80), "[2001:db8::1]:80"),
        (("::ffff:c000", 80, 0, 0), ("::ffff:c000", 80), "[::ffff:c000]:80"),
        ("/run/a.sock", ("", 0), "pipe"),
        (None, ("", 0), "pipe"),
    ],
)
def test_names_of_sockets(name: object, address: tuple[str, int], text: str) -> None:
    assert address_of(name) == address
    assert address_text(name) == text
    assert join_host_port("::1", 1) == "[::1]:1"


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("pipe", "pipe"),
    ],
)
def test_a_source_is_an_address_or_a_network_of_ipv6(address: str, source: str) -> None:
    assert source_of(address) == source


@pytest.mark.skipif(sys.platform != "linux", reason="only there the kernel connects both ends at once")
@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::1%lo", False),
        ("localhost", False),
        ("192.0.2.1", False),
    ],
)
def test_loopback_addresses(host: str, here: bool) -> None:
    assert is_loopback(host) is here

"""Addresses as text."""

from __future__ import annotations

import pytest

from aiofrp.transport.net import MAX_ADDRESS, is_address


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "fe80::1%eth0", "::ffff:255.255.255.255"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "1.2.3", "fe80::1%e\0", "fe80::1%\xfc", "fe80::1%" + "e" * MAX_ADDRESS, "\u0661.1.1.1"],
)
def test_what_no_socket_takes(text: str) -> None:
    assert not is_address(text)

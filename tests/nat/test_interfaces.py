"""Which addresses of this host are offered to peers."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import ifaddr
import pytest

from aiofrp.nat import interfaces


def test_which_are_reachable() -> None:
    addresses = ["127.0.0.1", "10.1.2.3", "169.254.3.4", "127.8.9.1", "224.0.0.9", "198.51.100.7"]
    assert list(interfaces.reachable(addresses)) == ["10.1.2.3", "198.51.100.7"]


def test_the_first_ten_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [SimpleNamespace(ip=f"10.0.0.{n}") for n in range(1, 14)]
    v6 = SimpleNamespace(ip=("fd00::1", 0, 0))
    adapters = [SimpleNamespace(ips=[v6, *own[:6]]), SimpleNamespace(ips=own[6:])]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    assert interfaces.local_addresses() == tuple(f"10.0.0.{n}" for n in range(1, 11))


def test_a_system_that_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("no")

    monkeypatch.setattr(ifaddr, "get_adapters", refuse)
    assert interfaces.local_addresses() == ()


def test_real_ones_can_be_bound() -> None:
    for address in interfaces.local_addresses():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))

"""Names and their owners, and leases that end once."""

from __future__ import annotations

import pytest

from aiofrp.errors import ProxyError
from aiofrp.host.lease import PortLease
from aiofrp.server.directory import Directory


async def test_a_name_has_one_owner_until_its_lease_ends() -> None:
    names = Directory[int](lambda name: f"[{name}] is taken")
    assert names.find("a") is None
    lease = await names.claim("a", 1)
    with pytest.raises(ProxyError, match=r"^\[a\] is taken$"):
        await names.claim("a", 2)
    assert (names.find("a"), "a" in names, len(names)) == (1, True, 1)
    lease.end()
    assert (names.find("a"), "a" in names, len(names)) == (None, False, 0)
    await names.claim("a", 3)
    lease.end()  # no longer its business
    assert names.find("a") == 3


def test_a_port_is_given_back_once() -> None:
    given: list[int] = []
    lease = PortLease(7, lambda: given.append(7))
    assert lease.port == 7
    lease.end()
    lease.end()
    assert given == [7]

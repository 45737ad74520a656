"""Names and their owners, and leases that end once."""

from __future__ import annotations

import pytest

from aiofrp.errors import AuthError, ProxyError
from aiofrp.host.lease import PortLease
from aiofrp.server.directory import Directory


class Owner:
    """An object of its own."""


async def test_a_name_has_one_owner_until_its_lease_ends() -> None:
    names = Directory[str, Owner](lambda name: AuthError(f"[{name}] is taken"))
    first, second = Owner(), Owner()
    assert names.find("a") is None
    lease = await names.claim("a", first)
    with pytest.raises(AuthError, match=r"^\[a\] is taken$"):
        await names.claim("a", second)
    assert (names.find("a"), "a" in names, len(names), list(names)) == (first, True, 1, [first])
    lease.end()
    assert (names.find("a"), "a" in names, len(names), list(names)) == (None, False, 0, [])
    await names.claim("a", second)
    lease.end()  # no longer its business
    assert names.find("a") is second


async def test_one_owner_takes_the_place_of_another() -> None:
    names = Directory[str, Owner]()
    first, second, third = Owner(), Owner(), Owner()
    old = await names.claim("a", first)
    new = await names.claim("a", second, instead_of=first)
    old.end()
    assert names.find("a") is second
    with pytest.raises(ProxyError, match=r"^a is taken$"):
        await names.claim("a", third, instead_of=first)
    new.end()
    with pytest.raises(ProxyError):  # nobody is there to be replaced
        await names.claim("a", third, instead_of=second)
    assert not len(names)


def test_a_port_is_given_back_once() -> None:
    given: list[int] = []
    lease = PortLease(7, lambda: given.append(7))
    assert lease.port == 7
    lease.end()
    lease.end()
    assert given == [7]

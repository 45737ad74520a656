"""The port manager: allow-list, leases, reservations, exact texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aiofrp.errors import ProxyError
from aiofrp.host.lease import PortLease
from aiofrp.server.publish.ports import RESERVATION, PortTable


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Leases(PortTable):
    """A port table whose leases are found by their port."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.leases: dict[int, PortLease] = {}

    async def acquire(self, name: str, port: int) -> int:
        lease = await self.claim(name, port)
        self.leases[lease.port] = lease
        return lease.port

    def release(self, port: int) -> None:
        self.leases.pop(port).end()


def table(
    *allowed: tuple[int, int], busy: frozenset[int] = frozenset(), clock: Clock | None = None
) -> Leases:
    return Leases(allowed, lambda port: port not in busy, clock=clock or Clock())


async def test_a_free_port_is_leased_once() -> None:
    ports = table((6000, 6010))
    assert await ports.acquire("a", 6000) == 6000
    with pytest.raises(ProxyError, match=r"^port already used$"):
        await ports.acquire("b", 6000)
    ports.release(6000)
    assert await ports.acquire("b", 6000) == 6000


@pytest.mark.parametrize("port", [5999, 6011, -1, 65536, 10**9])
async def test_a_port_outside_the_list_is_not_allowed(port: int) -> None:
    with pytest.raises(ProxyError, match=r"^port not allowed$"):
        await table((6000, 6010)).acquire("a", port)


async def test_a_port_someone_else_has_is_unavailable() -> None:
    with pytest.raises(ProxyError, match=r"^port unavailable$"):
        await table(busy=frozenset({8080})).acquire("a", 8080)


async def test_without_a_list_every_port_is_allowed() -> None:
    assert await table().acquire("a", 65535) == 65535
    assert 1 <= await table().acquire("a", 0) <= 65535


async def test_zero_takes_a_free_allowed_port_until_there_is_none() -> None:
    ports = table((7000, 7002))
    assert {await ports.acquire(name, 0) for name in "abc"} == {7000, 7001, 7002}
    with pytest.raises(ProxyError, match=r"^no available port$"):
        await ports.acquire("d", 0)


async def test_zero_prefers_the_port_the_name_had_for_a_day() -> None:
    clock = Clock()
    ports = table((7000, 7999), clock=clock)
    had = await ports.acquire("a", 0)
    ports.release(had)
    clock.now = RESERVATION - 1
    assert await ports.acquire("a", 0) == had
    ports.release(had)
    assert await ports.acquire("b", had) == had, "a reservation keeps nobody else out"
    assert await ports.acquire("a", 0) != had


async def test_a_new_list_holds_for_new_leases_only() -> None:
    ports = table((7000, 7001))
    await ports.acquire("a", 7000)
    ports.allow([(8000, 8000)])
    with pytest.raises(ProxyError, match="not allowed"):
        await ports.acquire("b", 7001)
    assert await ports.acquire("b", 8000) == 8000


async def test_udp_texts_name_the_asked_port() -> None:
    ports = Leases([(1, 2)], lambda port: True, prefix=lambda port: f"acquire port {port} error: ")
    with pytest.raises(ProxyError, match=r"^acquire port 3 error: port not allowed$"):
        await ports.acquire("a", 3)


class Counted(bytearray):
    """The marks of ports, counting who visits many."""

    walks = 0

    def __iter__(self) -> Iterator[int]:
        self.walks += 1
        return super().__iter__()

    def __getitem__(self, index: Any) -> Any:
        self.walks += isinstance(index, slice)
        return super().__getitem__(index)


async def test_zero_looks_at_a_few_ports_however_many_are_free() -> None:
    """All are visited once, for the first proxy that wants any port."""
    ports = table()
    ports._allowed = allowed = Counted(ports._allowed)
    names = [f"p{number}" for number in range(300)]
    got = [await ports.acquire(name, 0) for name in names]
    assert len(set(got)) == len(names)
    for port in got:
        ports.release(port)
    assert [await ports.acquire(name, 0) for name in names] == got
    assert allowed.walks == 1


async def test_only_who_wants_any_port_makes_the_list_of_free_ones() -> None:
    ports = table()
    await ports.acquire("a", 6000)
    ports.release(6000)
    assert ports._free is None


async def test_a_new_list_counts_for_the_next_random_port() -> None:
    ports = table((7000, 7001))
    assert {await ports.acquire(name, 0) for name in "ab"} == {7000, 7001}
    ports.allow([(7001, 7003)])
    assert {await ports.acquire(name, 0) for name in "cd"} == {7002, 7003}
    ports.release(7000)
    with pytest.raises(ProxyError, match=r"^no available port$"):
        await ports.acquire("e", 0)
    ports.release(7001)
    assert await ports.acquire("e", 0) == 7001


async def test_many_ranges_that_overlap_cost_little() -> None:
    """As numbers one by one these would be 650 million."""
    ports = table(*[(1, 65535)] * 10_000, (-5, -1), (70_000, 80_000), (10, 5))
    assert sum(ports._allowed) == 65535
    few = table((5, 4), (6000, 6001), (6001, 6002))
    assert {port for port, allowed in enumerate(few._allowed) if allowed} == {6000, 6001, 6002}

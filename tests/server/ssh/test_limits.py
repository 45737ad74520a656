"""Connections that have not logged in give way to new ones; failures cost their own address time."""

from __future__ import annotations

import pytest

from aiofrp.server.ssh import limits
from aiofrp.server.ssh.limits import LoginFailure, Penalties, PendingLogins, source_of


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("2001:db8::1:2", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a:b", "a:b"),
    ],
)
def test_what_counts_as_one_source(address: str, source: str) -> None:
    assert source_of(address) == source


def test_failures_add_up_and_end() -> None:
    clock = Clock()
    penalties = Penalties(clock)
    for _ in range(3):
        penalties.add("a", LoginFailure.CREDENTIAL)
    assert penalties.wait_of("a") == 0  # 15 s are allowed
    penalties.add("a", LoginFailure.CREDENTIAL)
    assert penalties.wait_of("a") == 20
    assert penalties.wait_of("b") == 0
    clock.now += 19
    assert penalties.wait_of("a") == 1
    clock.now += 1
    assert penalties.wait_of("a") == 0
    penalties.add("a", LoginFailure.CREDENTIAL)
    assert penalties.wait_of("a") == 0


def test_penalties_have_a_limit_and_so_has_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_SOURCES", 3)
    clock = Clock()
    penalties = Penalties(clock)
    for _ in range(1000):
        penalties.add("a", LoginFailure.SLOW)
    assert penalties.wait_of("a") == limits.MOST_PENALTY
    for name in "bcdefg":
        penalties.add(name, LoginFailure.NOTHING)
    assert len(penalties._until) == 3
    assert penalties._refused <= penalties._until.keys()


async def test_a_new_connection_always_finds_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_WAITING", 5)
    monkeypatch.setattr(limits, "MAX_OF_SOURCE", 3)
    table = PendingLogins(Penalties(Clock()))
    ended: list[str] = []

    def enter(name: str) -> limits.PendingLogin:
        return table.enter(name[0], lambda reason: ended.append(name))

    a = [enter(name) for name in ("a1", "a2", "a3")]
    enter("a4")
    assert ended == ["a1"]
    enter("b1")
    enter("c1")
    assert ended == ["a1"]
    enter("d1")  # the address that has most gives one up
    assert ended == ["a1", "a2"]
    assert len(table) == 5
    a[2].leave()
    a[2].leave()
    a[2].failed(LoginFailure.CREDENTIAL)  # it counts no longer
    assert len(table) == 4
    assert not table.penalties._until
    table.end_all("stop")
    assert len(table) == 0
    assert sorted(ended) == ["a1", "a2", "a4", "b1", "c1", "d1"]


async def test_a_slow_connection_is_ended_and_punished(monkeypatch: pytest.MonkeyPatch) -> None:
    table = PendingLogins(Penalties(Clock()))
    reasons: list[str] = []
    pending = table.enter("a", reasons.append)
    pending._too_slow()
    assert reasons == ["nobody has logged in within 120 seconds"]
    assert len(table) == 0
    assert table.penalties._until == {"a": 110.0}

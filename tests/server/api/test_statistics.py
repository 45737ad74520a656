"""What frps counts: days, names that come back, forgetting, limits."""

from __future__ import annotations

import pytest

from aiofrp.server.api import statistics
from aiofrp.server.api.statistics import DAYS, REMEMBERED, DailyCounter, Statistics
from tests.support.localclock import NOON, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(clock: Clock) -> Statistics:
    return Statistics(clock)


def days(counted: Statistics, name: str) -> list[int]:
    record = counted.proxy(name)
    assert record is not None
    return record.traffic_in.days(counted.today)


def test_a_counter_over_the_days() -> None:
    counter = DailyCounter(100)
    counter.add(5, 100)
    counter.add(7, 101)
    counter.add(1, 101)
    assert counter.days(101) == [8, 5, 0, 0, 0, 0, 0]
    assert counter.today(103) == 0
    assert counter.days(103) == [0, 0, 8, 5, 0, 0, 0]
    assert counter.days(107) == [0, 0, 0, 0, 0, 0, 8]
    assert counter.days(108) == [0] * DAYS
    counter.add(2, 108)
    assert counter.days(10**6) == [0] * DAYS


def test_a_clock_that_goes_back_counts_for_the_last_day() -> None:
    counter = DailyCounter(100)
    counter.add(5, 101)
    counter.add(5, 99)
    assert counter.days(101) == [10, 0, 0, 0, 0, 0, 0]


def test_the_day_ends_at_local_midnight(counted: Statistics, clock: Clock) -> None:
    counted.proxy_opened("a", "tcp", "", "c")
    counted.traffic("a", "tcp", 1, 2)
    clock.now = NOON.replace(hour=23, minute=59, second=59)
    counted.traffic("a", "tcp", 10, 20)
    clock.pass_(seconds=1)
    counted.traffic("a", "tcp", 100, 200)
    assert days(counted, "a") == [100, 11, 0, 0, 0, 0, 0]
    assert counted.traffic_in.today(counted.today) == 100
    assert counted.traffic_out.days(counted.today)[:2] == [200, 22]


def test_a_name_that_comes_back_goes_on(counted: Statistics, clock: Clock) -> None:
    counted.proxy_opened("a", "tcp", "u", "c")
    counted.traffic("a", "tcp", 3, 0)
    counted.proxy_closed("a", "tcp")
    clock.pass_(minutes=1)
    counted.proxy_opened("a", "tcp", "u2", "c2")
    record = counted.proxy("a")
    assert record is not None
    assert (record.user, record.client_id, record.open) == ("u2", "c2", True)
    assert record.last_start - record.last_close == 60
    assert days(counted, "a")[0] == 3
    assert counted.proxy_counts == {"tcp": 1}


def test_another_type_starts_afresh(counted: Statistics) -> None:
    counted.proxy_opened("a", "tcp", "", "c")
    counted.connection_opened("a", "tcp")
    counted.traffic("a", "tcp", 3, 0)
    counted.proxy_closed("a", "tcp")
    counted.proxy_opened("a", "http", "", "c")
    counted.connection_closed("a", "tcp")  # one of the old proxy
    counted.traffic("a", "tcp", 4, 0)
    record = counted.proxy("a")
    assert record is not None
    assert (record.kind, record.connections, record.last_close) == ("http", 0, 0)
    assert days(counted, "a")[0] == 0
    assert counted.traffic_in.today(counted.today) == 7
    assert counted.proxy_counts == {"tcp": 0, "http": 1}
    assert counted.connections == 0


def test_forgetting_closed_proxies(counted: Statistics, clock: Clock) -> None:
    for name in ("open", "old", "new", "back"):
        counted.proxy_opened(name, "tcp", "", "c")
    counted.proxy_closed("old", "tcp")
    counted.proxy_closed("back", "tcp")
    counted.proxy_opened("back", "tcp", "", "c")
    clock.pass_(days=7)
    counted.proxy_closed("new", "tcp")
    assert counted.prune(REMEMBERED) == (0, 4)
    clock.pass_(seconds=1)
    assert counted.prune(REMEMBERED) == (1, 4)
    assert counted.prune() == (1, 3)
    assert [record.name for record in counted.proxies()] == ["back", "open"]
    counted.connection_opened("old", "tcp")
    counted.connection_closed("old", "tcp")
    assert counted.proxy("old") is None


def test_a_proxy_closed_this_moment_is_kept(counted: Statistics) -> None:
    counted.proxy_opened("a", "tcp", "", "c")
    counted.proxy_closed("a", "tcp")
    assert counted.prune() == (0, 1)


def test_closed_proxies_are_limited(counted: Statistics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "CLOSED_LIMIT", 3)
    for number in range(10):
        counted.proxy_opened(f"p{number}", "tcp", "", "c")
        counted.proxy_closed(f"p{number}", "tcp")
    assert [record.name for record in counted.proxies()] == ["p7", "p8", "p9"]

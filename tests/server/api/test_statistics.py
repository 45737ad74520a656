"""What frps counts: days, names that come back, forgetting, limits."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from aiofrp.errors import AuthError
from aiofrp.logs import short_id
from aiofrp.server.api import clients, statistics
from aiofrp.server.api.clients import Clients
from aiofrp.server.api.statistics import DAYS, REMEMBERED, DailyCounter, Statistics
from aiofrp.wire.frp.messages import Login

NOON = datetime(2026, 3, 10, 12)


class Clock:
    """A local time that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


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


# Clients


def test_a_client_comes_and_goes(clock: Clock) -> None:
    known = Clients(clock)
    login = Login(user="u", client_id="laptop", version="0.70.1", hostname="h")
    known.entered(login, "run1", "v1", "127.0.0.1")
    first = clock()
    clock.pass_(minutes=1)
    known.left(login, "run1")
    (record,) = known.all()
    assert (record.key, record.run_id, record.online) == ("u.laptop", "", False)
    assert (record.id, record.disconnected) == ("laptop", clock())
    clock.pass_(minutes=1)
    known.entered(login, "run2", "v2", "127.0.0.2")
    record = known.all()[0]
    assert (record.run_id, record.protocol, record.address, record.online) == (
        "run2",
        "v2",
        "127.0.0.2",
        True,
    )
    assert (record.first_connected, record.last_connected, record.disconnected) == (first, clock(), 0)
    known.left(login, "run1")  # an older session ends late
    assert known.all()[0].online


def test_a_client_without_an_id_is_forgotten(clock: Clock) -> None:
    known = Clients(clock)
    known.entered(Login(user="u"), "run", "v1", "")
    assert [record.key for record in known.all()] == ["u.run"]
    known.left(Login(user="u"), "run")
    assert known.all() == []
    assert known.find("u.run") is None


@pytest.mark.parametrize(
    ("user", "client_id", "key"), [("u", "c", "u.c"), ("", "c", "c"), ("u", "", "u"), ("", "", "")]
)
def test_keys(user: str, client_id: str, key: str) -> None:
    assert clients.client_key(user, client_id) == key


def test_offline_clients_are_limited(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "OFFLINE_LIMIT", 2)
    known = Clients(clock)
    for number in range(5):
        login = Login(client_id=f"c{number}")
        known.entered(login, f"r{number}", "v1", "")
        if number:
            known.left(login, f"r{number}")
    assert [record.key for record in known.all()] == ["c0", "c3", "c4"]


def test_clients_that_are_written_alike_do_not_meet(clock: Clock) -> None:
    """A run id, or a user with a dot in it, that makes the key of somebody else's client id."""
    known = Clients(clock)
    known.entered(Login(user="u", client_id="laptop"), "run1", "v1", "")
    others = [Login(), Login(user="u"), Login(user="", client_id="u.laptop")]
    for login, run_id in zip(others, ("u.laptop", "laptop", "run2"), strict=True):
        known.entered(login, run_id, "v1", "")
    assert {record.key for record in known.all()} == {"u.laptop"}
    for login, run_id in zip(others, ("u.laptop", "laptop", "run2"), strict=True):
        known.left(login, run_id)
    record = known.find("u.laptop")
    assert record is not None
    assert (record.user, record.client_id, record.online) == ("u", "laptop", True)


def test_run_ids_that_are_names_of_clients(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "OFFLINE_LIMIT", 0)
    known = Clients(clock)
    laptop = Login(user="u", client_id="laptop")
    known.entered(laptop, "run1", "v1", "")
    for login in (
        Login(run_id="u.laptop"),
        Login(user="u", run_id="laptop"),
        Login(user="x", run_id="u.laptop"),
    ):
        with pytest.raises(AuthError, match="is the name of another client"):
            known.check_run_id(login)
    known.check_run_id(Login(user="u", run_id="run1"))
    known.check_run_id(Login(user="u", client_id="laptop", run_id="u.laptop"))  # its own
    known.left(laptop, "run1")  # and forgotten
    known.check_run_id(Login(run_id="u.laptop"))


def test_a_key_with_a_shortened_run_id(clock: Clock) -> None:
    known = Clients(clock)
    known.entered(Login(user="u"), "0123456789abcdef", "v1", "")
    (record,) = known.all()
    assert record.shown_key(short_id) == "u.012345"
    assert known.find("u.012345", short_id) is record
    assert known.find("u.012345") is None

"""The clients frps remembers: who is online, by which key, and for how many that left."""

from __future__ import annotations

import pytest

from aiofrp.errors import AuthError
from aiofrp.logs import short_id
from aiofrp.server.api import clients
from aiofrp.server.api.clients import Clients
from aiofrp.wire.frp.messages import Login
from tests.support.localclock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


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

"""The texts of ``frpc status``."""

from __future__ import annotations

import pytest

from aiofrp.cli.admin.tables import away, duration, notes, tables


def test_tables_are_those_of_frp() -> None:
    entry = {"name": "a", "status": "running", "local_addr": "127.0.0.1:80", "remote_addr": "h:6000"}
    assert tables({"zzz": [entry], "tcp": [entry], "udp": []}).splitlines() == [
        "Proxy Status...",
        "",
        "TCP",
        "Name  Status   LocalAddr     Plugin  RemoteAddr  Error  ",
        "a     running  127.0.0.1:80          h:6000             ",
        "",
        "ZZZ",
        "Name  Status   LocalAddr     Plugin  RemoteAddr  Error  ",
        "a     running  127.0.0.1:80          h:6000             ",
        "",
    ]


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ({}, ""),
        ({"state": "connected", "since": 1}, ""),
        (
            {"state": "connecting", "serverAddr": "h", "serverPort": 7000},
            "not connected to the server h:7000",
        ),
        (
            {"state": "connecting", "serverAddr": "h", "serverPort": 7, "since": 1000.5, "error": "refused"},
            "not connected to the server h:7 since 1970-01-01 ",
        ),
        ({"state": "stopped", "since": "x"}, "not connected to the server :"),
    ],
)
def test_what_is_said_of_a_server_that_is_away(info: dict[str, object], text: str) -> None:
    said = away(info, 1100)
    assert said.startswith(text) if text else not said
    assert ("(1 min 39 s): refused" in said) is ("error" in info)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (90061, "1 d 1 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_follows_the_tables() -> None:
    answer = {
        "http": [{"name": "a", "urls": ["http://a.test", "http://b.test"]}, {"name": "b"}],
        "udp": [{"name": "c", "urls": ["udp://h:1"], "hint": "hint: nobody is there. Start it."}],
        "tcp": None,
    }
    assert notes(answer, addresses=True).splitlines() == [
        "[a] visit http://a.test, http://b.test",
        "[c] visit udp://h:1",
        "[c] hint: nobody is there. Start it.",
    ]
    assert notes(answer, addresses=False) == "[c] hint: nobody is there. Start it."
    assert notes({"stcp": [{"name": "a"}]}, addresses=True) == ""

"""Decisions against those of the reference, and what is learnt from reports."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from aiofrp.errors import RemoteProtocolError
from aiofrp.nat.controller import (
    MOST_ASSISTED,
    MOST_MAPPED,
    MOST_PAIRS,
    MOST_RECORDS,
    Announced,
    Attempt,
    Controller,
    announced,
)
from aiofrp.nat.modes import Try
from aiofrp.wire.frp.messages import CandidatePortsRange
from tests.wire.nathole.vectors import load

VECTORS = load("controller-decisions")
HOURS = 3600.0


def side(
    mapped: str, assisted: str = "10.0.0.1:9", host: str = "192.0.2.1", name: str = "client"
) -> Announced:
    return announced(name, mapped.split(), assisted.split(), host)


EASY, OTHER = side("198.51.100.1:5 198.51.100.1:5"), side("198.51.100.2:6 198.51.100.2:6")


def plain(value: msgspec.Struct) -> Any:
    """As it stands on the wire."""
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_same_as_the_reference(vector: dict[str, Any]) -> None:
    controller = Controller(168 * HOURS)
    sides = (
        announced(name, vector[f"{name}_mapped_addrs"], vector[f"{name}_assisted_addrs"], name)
        for name in ("client", "visitor")
    )
    if "error" in vector["first_client_response"]:
        with pytest.raises(RemoteProtocolError) as caught:
            list(sides)
        assert str(caught.value) == vector["first_client_response"]["error"]
        return
    client, visitor = sides
    for attempt in vector["behaviors"]:
        decision = controller.decide(client, visitor, attempt["attempt"])
        for name, orders in (("client", decision.client), ("visitor", decision.visitor)):
            assert plain(orders.behavior) == attempt[name]
            first = vector[f"first_{name}_response"]
            assert list(orders.candidates) == first["candidate_addrs"]
            assert list(orders.assisted) == first["assisted_addrs"]
        if vector["client_reports_success_after_each"]:
            controller.succeeded(decision, attempt["attempt"])


def tries(controller: Controller, count: int, now: float = 0) -> list[Attempt]:
    return [controller.decide(EASY, OTHER, now) for _ in range(count)]


def test_what_has_worked_comes_first() -> None:
    controller = Controller(168 * HOURS)
    third = tries(controller, 3)[2]
    assert third.chosen == Try(0, 2)
    controller.succeeded(third, 0)  # 0 - 1 + 2, above the 0 of those not tried yet
    assert [decision.chosen.index for decision in tries(controller, 3)] == [2, 2, 3]


def test_a_success_is_worth_ten_at_most() -> None:
    controller = Controller(168 * HOURS)
    (first,) = tries(controller, 1)
    for _ in range(50):
        controller.succeeded(first, 0)
    assert [decision.chosen.index for decision in tries(controller, 12)] == [0] * 11 + [1]


@pytest.mark.parametrize(("hours", "kept"), [(168.0, 168.0), (0.0, 1.0), (-5.0, 1.0)])
def test_records_are_kept_for_a_time_after_their_last_use(hours: float, kept: float) -> None:
    controller = Controller(hours * HOURS)
    assert [decision.chosen.index for decision in tries(controller, 2)] == [0, 1]
    (third,) = tries(controller, 1, kept * HOURS)
    assert third.chosen.index == 2
    controller.succeeded(third, 1.5 * kept * HOURS)
    assert tries(controller, 1, 2.5 * kept * HOURS)[0].chosen.index == 2
    assert tries(controller, 1, 3.5 * kept * HOURS + 1)[0].chosen.index == 0
    assert len(controller) == 1


def test_a_report_after_its_record_is_gone() -> None:
    controller, other = Controller(168 * HOURS), Controller(168 * HOURS)
    controller.succeeded(tries(other, 1)[0], 0)
    assert len(controller) == 0


def test_other_hosts_do_not_spoil_what_is_learnt() -> None:
    controller = Controller(168 * HOURS)
    assert tries(controller, 4)[-1].chosen.index == 3
    elsewhere = replace(EASY, host="192.0.2.66")
    for _ in range(20):
        controller.succeeded(controller.decide(elsewhere, OTHER, 0), 0)
    assert tries(controller, 1)[0].chosen.index == 4


def test_memory_is_limited() -> None:
    controller = Controller(168 * HOURS)
    tries(controller, 2)
    for n in range(3 * MOST_RECORDS):
        controller.decide(side(f"203.0.113.{n}:1 203.0.113.{n}:1", host="192.0.2.5"), OTHER, 0)
    assert len(controller) == MOST_RECORDS + 1
    assert tries(controller, 1)[0].chosen.index == 2
    for n in range(MOST_PAIRS + 10):
        controller.decide(replace(EASY, host=str(n)), OTHER, 0)
    assert len(controller) == MOST_PAIRS
    assert tries(controller, 1)[0].chosen.index == 0


@pytest.mark.parametrize(
    ("mapped", "error"),
    [
        ("1.1.1.1:1", "classify visitor nat feature error: not enough addresses"),
        ("", "classify visitor nat feature error: not enough addresses"),
        ("1.1.1.1:1 1.1.1.1", "classify visitor nat feature error: address 1.1.1.1: missing port in address"),
        ("1.1.1.1:1 localhost:1", "classify visitor nat feature error: address 'localhost:1' is not"),
        ("1.1.1.1:1 224.0.0.1:1", "classify visitor nat feature error: address '224.0.0.1:1' is not"),
        ("1.1.1.1:1 " * 10_000, "classify visitor nat feature error: 10000 addresses, and 4 are allowed"),
    ],
)
def test_what_cannot_be_used(mapped: str, error: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        side(mapped, name="visitor")
    assert str(caught.value).startswith(error)


def test_own_addresses_that_are_none_are_not_passed_on() -> None:
    own = "localhost:1 10.0.0.1:7 10.0.0.1:7 0.0.0.0:7 [::1]:7 10.0.0.2:7 10.0.0.3 255.255.255.255:7"
    decision = Controller(0).decide(EASY, side("1.1.1.1:1 1.1.1.1:1", own), 0)
    assert decision.client.assisted == ("10.0.0.1:7", "10.0.0.2:7")
    many = " ".join(f"10.0.0.{n % 250 + 1}:7" for n in range(10_000))
    decision = Controller(0).decide(EASY, side("1.1.1.1:1 1.1.1.1:1", many), 0)
    assert len(decision.client.assisted) == MOST_ASSISTED


def test_most_addresses() -> None:
    mapped = " ".join(f"1.1.1.1:{n}" for n in range(10, 10 + MOST_MAPPED))
    decision = Controller(0).decide(EASY, side(mapped), 0)
    assert list(decision.client.candidates) == mapped.split()
    assert side(mapped).nat.regular


@pytest.mark.parametrize(
    ("mapped", "window"),
    [
        ("1.1.1.1:40005 1.1.1.1:40003", (39996, 40010)),
        ("1.1.1.1:4 1.1.1.1:1", (1, 9)),
        ("1.1.1.1:65530 1.1.1.1:65535", (65525, 65535)),
        ("1.1.1.1:40005 1.1.1.1:40005 1.1.1.1:40003", None),  # the reference makes none after a repetition
    ],
)
def test_windows(mapped: str, window: tuple[int, int] | None) -> None:
    decision = Controller(0).decide(side(mapped), OTHER, 0)
    assert decision.chosen == Try(1, 0)
    ports = decision.visitor.behavior.candidate_ports
    assert ports == (() if window is None else (CandidatePortsRange(start=window[0], end=window[1]),))
    assert not decision.client.behavior.candidate_ports

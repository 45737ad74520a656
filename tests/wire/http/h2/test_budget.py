"""The account of control frames: floods end, work of any honest kind never does."""

from __future__ import annotations

import pytest

from aiofrp.wire.http.h2.budget import MOST, PER_SECOND, SETTINGS_COST, START, ControlBudget
from aiofrp.wire.http.h2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_STREAM,
    PADDED,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    CalmDown,
    Frame,
)


def frame(kind: int, payload: bytes = b"", flags: int = 0) -> Frame:
    return Frame(kind, flags, 1, len(payload).to_bytes(3) + bytes((kind, flags, 0, 0, 0, 1)) + payload)


EMPTY = [
    (frame(PING, bytes(8)), 1),
    (frame(PRIORITY, bytes(5)), 1),
    (frame(RST_STREAM, bytes(4)), 1),
    (frame(WINDOW_UPDATE, bytes(4)), 1),
    (frame(CONTINUATION), 1),
    (frame(0x10, bytes(5)), 1),
    (frame(DATA), 1),
    (frame(DATA, b"\x05" + bytes(5), PADDED), 1),
    (frame(SETTINGS), SETTINGS_COST),
    (frame(SETTINGS, flags=ACK), 1),
]


@pytest.mark.parametrize(("sent", "cost"), EMPTY)
def test_frames_that_carry_nothing_have_a_number(sent: Frame, cost: int) -> None:
    budget = ControlBudget(0.0)
    for _ in range(START // cost):
        budget.received(sent, 0.0)
    with pytest.raises(CalmDown):
        budget.received(sent, 0.0)


@pytest.mark.parametrize(
    "sent",
    [frame(DATA, b"x"), frame(DATA, flags=END_STREAM), frame(DATA, b"\x00x", PADDED), frame(1, b"\x82")],
)
def test_what_carries_something_costs_nothing(sent: Frame) -> None:
    budget = ControlBudget(0.0)
    for _ in range(10 * START):
        budget.received(sent, 0.0)


def test_a_download_may_give_windows_back_at_every_4_kib() -> None:
    budget = ControlBudget(0.0)
    for _ in range(10_000):
        budget.sent(16384, True)
        for _ in range(2 * 4):
            budget.received(frame(WINDOW_UPDATE, bytes(4)), 0.0)


def test_events_of_a_few_bytes_may_each_give_two_windows_back() -> None:
    budget = ControlBudget(0.0)
    for _ in range(10_000):
        budget.sent(20, False)
        for _ in range(2):
            budget.received(frame(WINDOW_UPDATE, bytes(4)), 0.0)


def test_windows_of_one_byte_gain_nothing() -> None:
    budget = ControlBudget(0.0)
    for _ in range(START):
        budget.received(frame(WINDOW_UPDATE, bytes(4)), 0.0)
        budget.sent(1, True)
    with pytest.raises(CalmDown):
        budget.received(frame(WINDOW_UPDATE, bytes(4)), 0.0)


def test_requests_with_priorities_and_windows_are_welcome() -> None:
    budget = ControlBudget(0.0)
    for _ in range(10_000):
        budget.requested(40, 0.0)
        for _ in range(6):
            budget.received(frame(WINDOW_UPDATE, bytes(4)), 0.0)


def test_requests_of_hundreds_of_fields_use_the_account_up() -> None:
    budget = ControlBudget(0.0)
    for _ in range(START // 40):
        budget.requested(256, 0.0)
    with pytest.raises(CalmDown):
        budget.requested(1256, 0.0)


def test_a_silent_connection_may_ping_for_ever_and_save_up_a_little() -> None:
    budget, now = ControlBudget(0.0), 0.0
    for _ in range(100_000):
        now += 1 / PER_SECOND
        budget.received(frame(PING, bytes(8)), now)
    now += 1e6
    budget.spend(START + 1, now)  # what it had, and a first one of what it saved up
    with pytest.raises(CalmDown):
        budget.spend(MOST + 1, now)

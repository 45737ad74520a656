"""What a sender learns about its path."""

from __future__ import annotations

import pytest

from aiofrp.wire.kcp.pace import BEAT, EPOCH, MAX_WINDOW, MIN_WINDOW, WIDE_WINDOW, Pace


def epochs(pace: Pace, count: int, *, repeated: int = 0, needless: int = 0, now: int = 1000) -> None:
    for _ in range(count):
        pace.repeated(repeated)
        for _ in range(needless):
            pace.needless()
        pace.sent(EPOCH, now)


def test_the_window_grows_by_half_an_epoch_up_to_its_limit() -> None:
    pace = Pace(MAX_WINDOW)
    seen = [pace.window]
    for _ in range(7):
        epochs(pace, 1)
        seen.append(pace.window)
    assert seen == [128, 192, 288, 432, 648, 972, 1024, 1024]


@pytest.mark.parametrize(("share", "window"), [(0.05, 972), (0.25, 972), (0.35, 648), (0.5, 324)])
def test_the_window_follows_the_losses(share: float, window: int) -> None:
    """A few are the path's own, many are ours."""
    pace = Pace(MAX_WINDOW)
    epochs(pace, 4)
    assert pace.window == 648
    epochs(pace, 1, repeated=int(share * EPOCH))
    assert pace.window == window


def test_the_window_never_closes() -> None:
    pace, small = Pace(MAX_WINDOW), Pace(16)
    for one in (pace, small):
        epochs(one, 5, repeated=EPOCH)
    assert (pace.window, small.window) == (MIN_WINDOW, 16)


def test_parity_pays_while_something_gets_lost_and_for_a_while() -> None:
    pace = Pace(MAX_WINDOW)
    epochs(pace, 1, repeated=2, now=1000)
    assert not pace.lossy
    epochs(pace, 1, repeated=3, now=1000)
    assert pace.lossy
    epochs(pace, 1, now=10_999)
    assert pace.lossy
    epochs(pace, 1, now=11_000)
    assert not pace.lossy


def test_late_segments_get_grace_and_are_no_losses() -> None:
    pace = Pace(MAX_WINDOW)
    epochs(pace, 3, repeated=100, needless=100)
    assert pace.grace == 4
    assert not pace.lossy
    assert pace.window == 432
    epochs(pace, 10, repeated=100, needless=100)
    assert pace.grace == 64


def test_grace_gets_shorter_when_datagrams_keep_their_order() -> None:
    pace = Pace(MAX_WINDOW)
    epochs(pace, 1, repeated=5, needless=5)
    assert pace.grace == 1
    epochs(pace, 15)
    assert pace.grace == 1
    epochs(pace, 1)
    assert pace.grace == 0
    epochs(pace, 16)
    assert pace.grace == 0


def test_a_window_leaves_spread_over_a_round_trip() -> None:
    pace = Pace(MAX_WINDOW)
    epochs(pace, 7)
    pace.round_trip(40)
    pace.spend(pace.allowance(1000))
    assert pace.allowance(1000) == 0
    left = 0
    for now in range(1000, 1040, BEAT):
        count = pace.allowance(now + BEAT)
        pace.spend(count)
        left += count
        assert count == BEAT * 1.25 * MAX_WINDOW / 40
    assert left == 1.25 * MAX_WINDOW


@pytest.mark.parametrize("trouble", ["losses", "a queue"])
def test_more_than_the_reference_sends_only_where_the_path_carries_it(trouble: str) -> None:
    pace = Pace(WIDE_WINDOW)
    pace.round_trip(40)
    epochs(pace, 8)
    assert pace.window == WIDE_WINDOW
    if trouble == "losses":
        epochs(pace, 1, repeated=EPOCH // 8)
    else:
        for _ in range(20):
            pace.round_trip(90)
        epochs(pace, 1)
    assert pace.window == MAX_WINDOW
    for _ in range(50):
        pace.round_trip(40)
    epochs(pace, 5, now=30_000)
    assert pace.window == MAX_WINDOW
    epochs(pace, 2, now=31_000)
    assert pace.window == WIDE_WINDOW


def test_after_a_pause_little_more_leaves_at_once() -> None:
    pace = Pace(MAX_WINDOW)
    pace.round_trip(40)
    assert pace.allowance(0) == pace.allowance(1000) == MIN_WINDOW


def test_what_is_sent_again_takes_the_place_of_what_is_new() -> None:
    pace = Pace(MAX_WINDOW)
    pace.round_trip(40)
    pace.spend(pace.allowance(0) + 48)
    assert pace.allowance(0) < 0
    assert pace.allowance(3) == 0
    assert pace.allowance(4) == 16

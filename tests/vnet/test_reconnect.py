"""The pauses of a visitor."""

from __future__ import annotations

from aiofrp.vnet.reconnect import Reconnects


def test_failures_lengthen_the_pause_until_a_connection_worked() -> None:
    pauses = Reconnects()
    assert [pauses.failed() for _ in range(6)] == [60.0, 120.0, 240.0, 300.0, 300.0, 300.0]
    assert pauses.failures == 6
    assert pauses.ended() == 10.0
    assert pauses.failures == 0
    assert pauses.failed() == 60.0


def test_a_thousand_failures() -> None:
    pauses = Reconnects()
    assert {pauses.failed() for _ in range(1000)} == {60.0, 120.0, 240.0, 300.0}

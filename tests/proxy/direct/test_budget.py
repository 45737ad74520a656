"""How often a tunnel is tried again before anybody wants it."""

from __future__ import annotations

import pytest

from aiofrp.proxy.direct.budget import RetryBudget


def test_attempts_at_once_and_then_one_for_each_part_of_an_hour() -> None:
    budget = RetryBudget(8, 1000.0)
    assert [budget.take(1000.0) for _ in range(8)] == [0.0] * 8
    assert budget.take(1000.0) == pytest.approx(450)
    assert budget.take(1225.0) == pytest.approx(225)
    assert budget.take(1451.0) == 0.0
    assert budget.take(1452.0) > 440


def test_no_more_than_all_are_given_back() -> None:
    budget = RetryBudget(2, 0.0)
    assert [budget.take(1e6) for _ in range(2)] == [0.0, 0.0]
    assert budget.take(1e6) > 0


@pytest.mark.parametrize("per_hour", [0, -5])
def test_one_at_least(per_hour: int) -> None:
    budget = RetryBudget(per_hour, 0.0)
    assert budget.take(0.0) == 0.0
    assert budget.take(0.0) == pytest.approx(3600)

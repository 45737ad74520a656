"""The helper that runs many cases in one test."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tests.config.batch import every


def test_all_cases_run_and_the_first_bad_one_is_named() -> None:
    seen = []

    @every([1, 2, 3, 4])
    def check(case: int) -> None:
        seen.append(case)
        assert case < 3

    with pytest.raises(AssertionError) as caught:
        check()
    assert seen == [1, 2, 3]
    assert caught.value.__notes__ == ["case 2: 3"]


@every([("a", 1), ("b", 2)])
def test_each_case_has_fixtures_of_its_own(
    text: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not list(tmp_path.iterdir())
    (tmp_path / text).write_text(str(number))
    monkeypatch.setattr("tests.config.test_batch.VALUE", VALUE + 1)
    assert VALUE == 1


VALUE = 0


def test_pytest_sees_only_the_fixtures() -> None:
    assert list(inspect.signature(test_each_case_has_fixtures_of_its_own).parameters) == [
        "tmp_path",
        "monkeypatch",
    ]

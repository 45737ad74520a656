"""Conditions of requests for a content that has a date and no tag."""

from __future__ import annotations

import pytest

from aiofrp.wire.http.conditions import Verdict, judge_conditions, wanted_range
from aiofrp.wire.http.dates import date_text

MODIFIED = 1_700_000_000
BEFORE, THEN, AFTER = (date_text(MODIFIED + step) for step in (-1, 0, 1))
SEND, SAME, FAILED = Verdict.SEND, Verdict.NOT_MODIFIED, Verdict.FAILED


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, SEND),
        ({b"if-modified-since": BEFORE}, SEND),
        ({b"if-modified-since": THEN}, SAME),
        ({b"if-modified-since": AFTER}, SAME),
        ({b"if-modified-since": b"yesterday"}, SEND),
        ({b"if-unmodified-since": BEFORE}, FAILED),
        ({b"if-unmodified-since": THEN}, SEND),
        ({b"if-unmodified-since": b"yesterday"}, SEND),
        ({b"if-none-match": b"*"}, SAME),
        ({b"if-none-match": b'"a"', b"if-modified-since": AFTER}, SEND),
        ({b"if-match": b"*", b"if-unmodified-since": BEFORE}, SEND),
        ({b"if-match": b'"a"'}, FAILED),
        ({b"if-match": b'"a"', b"if-none-match": b"*"}, FAILED),
    ],
)
def test_verdicts(fields: dict[bytes, bytes], verdict: Verdict) -> None:
    assert judge_conditions(fields, MODIFIED) is verdict


@pytest.mark.parametrize("modified", [0, None])
@pytest.mark.parametrize("name", [b"if-modified-since", b"if-unmodified-since"])
def test_a_content_without_a_date_is_sent(modified: int | None, name: bytes) -> None:
    assert judge_conditions({name: BEFORE}, modified) is SEND


@pytest.mark.parametrize(
    ("condition", "kept"),
    [(THEN, True), (BEFORE, False), (AFTER, False), (b'"tag"', False), (b"", False)],
)
def test_if_range_takes_the_same_date_only(condition: bytes, kept: bool) -> None:
    fields = {b"range": b"bytes=0-1", b"if-range": condition}
    assert wanted_range(fields, MODIFIED) == (b"bytes=0-1" if kept else b"")
    assert wanted_range(fields, 0) == b""


def test_without_if_range_the_range_counts() -> None:
    assert wanted_range({b"range": b"bytes=0-1"}, 0) == b"bytes=0-1"
    assert wanted_range({b"if-range": THEN}, MODIFIED) == b""

"""The last lines of the log, as the query asks for them."""

from __future__ import annotations

import logging

import pytest
from aiohttp.test_utils import make_mocked_request

from aiofrp.logtail import LogTail
from aiofrp.webserver.server import ApiError
from aiofrp.webserver.tail import log_lines


@pytest.fixture
def tail() -> LogTail:
    tail = LogTail()
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        tail.add(1.25, level, f"line <b>{level}</b>")
    return tail


def asked(tail: LogTail, query: str) -> list[int]:
    return [line["id"] for line in log_lines(make_mocked_request("GET", f"/logs?{query}"), tail)["lines"]]


def test_level_text_and_limit(tail: LogTail) -> None:
    assert asked(tail, "") == [1, 2, 3, 4]
    assert asked(tail, "level=WARN&q=&limit=") == [3, 4]
    assert asked(tail, "q=LINE+%3Cb%3E20") == [2]
    assert asked(tail, "limit=1") == [4]
    assert asked(tail, "q=" + "x" * 50_000) == []
    line = log_lines(make_mocked_request("GET", "/logs?limit=1"), tail)["lines"][0]
    assert line == {"id": 4, "at": 1.25, "level": "error", "text": "line <b>40</b>"}


@pytest.mark.parametrize(
    "query", ["level=loud", "limit=0", "limit=-1", "limit=x", "limit=²", "limit=9999999999"]
)
def test_wrong_queries(tail: LogTail, query: str) -> None:
    with pytest.raises(ApiError) as refused:
        asked(tail, query)
    assert refused.value.status == 400

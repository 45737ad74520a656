"""Hints that are made only when a line is written, and given once about what repeats."""

from __future__ import annotations

import logging

import pytest

from aiofrp import logs
from aiofrp.hints.catalogue import find
from aiofrp.hints.later import AGAIN, Later, Repeats


def test_a_hint_is_made_when_it_is_shown() -> None:
    asked = []

    def facts() -> dict[str, str]:
        asked.append(1)
        return {"where": "127.0.0.1:1"}

    later = Later("service", "connect to local service error: connection refused", facts)
    assert not asked
    assert str(later).splitlines()[1].startswith("hint: nothing listens on 127.0.0.1:1. ")
    assert len(asked) == 1
    assert later.shortened(10).splitlines()[0] == "connect to... (50 characters)"


async def test_a_line_that_is_left_out_makes_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aiofrp")
    asked = []

    def facts() -> dict[str, str]:
        asked.append(1)
        return {}

    log = logs.get("aiofrp.test").seldom
    for _ in range(1000):
        log.error("%s", Later("service", "connect: connection refused", facts))
    assert len(asked) == 1
    assert [record.getMessage().count("hint: ") for record in caplog.records] == [1]


def test_the_same_hint_is_given_again_after_a_while() -> None:
    now = [0.0]
    repeats = Repeats(lambda: now[0])
    refused = find("connect", "connection refused", {"protocol": "tcp"})
    name = find("connect", "no such host")
    assert refused is not None
    assert repeats.due("server", refused)
    assert not repeats.due("server", refused)
    assert repeats.due("server", name), "another reason"
    assert repeats.due("server", refused)
    assert repeats.due("another", refused), "another subject"
    assert not repeats.due("server", None)
    assert repeats.due("server", refused)
    now[0] += AGAIN - 1
    assert not repeats.due("server", refused)
    now[0] += 1
    assert repeats.due("server", refused)
    repeats.forget("server")
    assert repeats.due("server", refused)
    repeats.forget("never given")

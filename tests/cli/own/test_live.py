"""What ``aiofrp share`` shows of the traffic, and QR codes."""

from __future__ import annotations

import pytest

from aiofrp.cli.own.live import size_text, summary
from aiofrp.client.proxies import UserTraffic


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (4_120, "4.1 kB"),
        (99_600, "100 kB"),
        (999_600, "1.0 MB"),
        (12_000_000, "12 MB"),
        (3_400_000_000_000_000, "3400 TB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


def test_the_line() -> None:
    assert summary(UserTraffic(3, 1, 4_120, 12_000_000)) == "3 connections, 1 open, 4.1 kB in, 12 MB out"
    assert summary(UserTraffic(1, 0, 0, 0)).startswith("1 connection, 0 open")

"""The series Prometheus is shown, and how many."""

from __future__ import annotations

import pytest

from aiofrp.server.api import metrics
from aiofrp.server.api.metrics import Metrics


def lines(counted: Metrics) -> list[str]:
    text, _ = counted.exposition()
    return [line for line in text.decode().splitlines() if line.startswith("frp_server_")]


def test_a_family_appears_with_its_first_series() -> None:
    counted = Metrics()
    assert lines(counted) == ["frp_server_client_counts 0"]
    counted.proxy_opened('a"\\\n', "tcp", "", "")
    assert lines(counted)[1:] == [
        'frp_server_proxy_counts{type="tcp"} 1',
        'frp_server_proxy_counts_detailed{name="a\\"\\\\\\n",type="tcp"} 1',
    ]


def test_series_of_closed_proxies_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "CLOSED_LIMIT", 2)
    counted = Metrics()
    for number in range(5):
        counted.proxy_opened(f"p{number}", "tcp", "", "")
        counted.proxy_closed(f"p{number}", "tcp")
    counted.connection_opened("p0", "tcp")
    counted.traffic("p0", "tcp", 1, 1)
    counted.connection_closed("p0", "tcp")
    assert [line for line in lines(counted) if "name=" in line] == [
        'frp_server_proxy_counts_detailed{name="p3",type="tcp"} 0',
        'frp_server_proxy_counts_detailed{name="p4",type="tcp"} 0',
    ]


def test_a_proxy_that_came_back_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "CLOSED_LIMIT", 0)
    counted = Metrics()
    counted.proxy_opened("a", "tcp", "", "")
    counted.traffic("a", "tcp", 5, 7)
    assert 'frp_server_traffic_out{name="a",type="tcp"} 7' in lines(counted)
    counted.proxy_closed("a", "tcp")
    assert not any("name=" in line for line in lines(counted))

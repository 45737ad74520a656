"""The tables: medians, ratios, what is bold, what is left out."""

from __future__ import annotations

from typing import Any

from bench.report import Results, behind, median, render, table


def test_median_skips_rounds_without_the_figure() -> None:
    assert median([{"a": 1.0}, {}, {"a": 3.0}, {"a": 100.0}], "a") == 3.0
    assert median([{}], "a") is None


def test_table_compares_with_the_first_pair() -> None:
    results: Results = {
        "down": {
            "go": [{"MBps": 100.0, "cpu_s_per_GB": 4.0}, {"MBps": 120.0, "cpu_s_per_GB": 5.0}],
            "ours": [{"MBps": 220.0, "cpu_s_per_GB": 9.0}],
        },
        "conn": {"go": [{"per_s": 1000.0, "errors": 0}], "ours": [{"per_s": 500.0, "errors": 0}]},
    }
    assert table(results, ["go", "ours"]).splitlines() == [
        "| | go | ours |",
        "|---|---:|---:|",
        "| bulk down, MB/s | 110 | **220 (2.00×)** |",
        "| … CPU s per GB | 4.50 | 9.00 (2.00×) |",
        "| new connections per s | 1,000 | 500 (0.50×) |",
        "| … CPU µs each | – | – |",
    ]


def test_less_is_better_where_it_is() -> None:
    results: Results = {"ping": {"go": [{"p50_us": 100.0}], "ours": [{"p50_us": 50.0}]}}
    assert "| ping 64 B, µs, median | 100 | **50 (0.50×)** |" in table(results, ["go", "ours"])


def test_trouble_is_shown_when_there_is_some() -> None:
    results: Results = {"conn": {"go": [{"per_s": 1.0, "errors": 0}], "ours": [{"per_s": 2.0, "errors": 3}]}}
    assert "| … failed | 0 | 3 |" in table(results, ["go", "ours"])


def test_a_pair_without_measurements_has_a_gap() -> None:
    results: Results = {"up": {"go": [], "ours": [{"MBps": 5.0}]}}
    assert "| bulk up, MB/s | – | 5 |" in table(results, ["go", "ours"])


def run_of(load: float) -> dict[str, Any]:
    return {
        "date": "2026-01-31",
        "machine": {
            "cpu": "C",
            "cores": 4,
            "memory_GB": 8.0,
            "system": "Linux 6",
            "python": "Python 3.11",
            "load": load,
        },
        "pairs": ["go"],
        "rounds": 5,
        "seconds": 3.0,
        "scenarios": [{"title": "TLS, mux", "results": {"up": {"go": [{"MBps": 5.0}]}}}],
    }


def test_render_names_machine_and_date() -> None:
    text = render(run_of(0.1))
    assert "2026-01-31 on C, 4 cores, 8 GB, Linux 6, Python 3.11" in text
    assert "### TLS, mux\n\n| | go |" in text
    assert "busy" not in text


def test_render_says_which_load_generator_ran() -> None:
    assert "The load generator: in Python.\n" in render({**run_of(0.1), "load_generator": "in Python"})


def test_render_warns_of_a_busy_machine() -> None:
    assert "busy" in render(run_of(3.0))


def test_a_gate_names_what_is_behind() -> None:
    """Round by round, so that a busy second that falls on both programs weighs on neither."""
    results = {
        "ping": {
            "old": [{"p50_us": 100.0, "p99_us": 0.0}, {"p50_us": 900.0}],
            "new": [{"p50_us": 110.0, "p99_us": 1.0}, {"p50_us": 990.0}],
        },
        "conn": {
            "old": [{"per_s": 100.0, "cpu_us_each": 50.0}],
            "new": [{"per_s": 96.0, "cpu_us_each": 60.0}],
        },
    }
    run = {"pairs": ["old", "new"], "scenarios": [{"title": "plain", "results": results}]}
    assert behind(run, 0.95) == [
        "plain: ping 64 B, µs, median: new reaches 0.91 of old",
        "plain: … CPU µs each (conn): new reaches 0.83 of old",
    ]
    assert not behind(run, 0.8)

"""From measurements to a table: medians over the rounds, and how each pair compares with the first one.

``python -m bench.report FILE.json`` renders a stored run again.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: One test of one pair in one round: figure → value.
Measurement = dict[str, float]
#: Test → pair → measurements.
Results = dict[str, dict[str, list[Measurement]]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: a figure of a test."""

    test: str
    title: str
    figure: str
    more_is_better: bool
    show: Callable[[float], str]
    #: Left out where it is zero for all: what should not happen needs no line when it does not.
    trouble: bool = False


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _tenths(value: float) -> str:
    return f"{value:.1f}"


def _hundredths(value: float) -> str:
    return f"{value:.2f}"


ROWS = [
    Row("down", "bulk down, MB/s", "MBps", True, _whole),
    Row("down", "… CPU s per GB", "cpu_s_per_GB", False, _hundredths),
    Row("up", "bulk up, MB/s", "MBps", True, _whole),
    Row("up", "… CPU s per GB", "cpu_s_per_GB", False, _hundredths),
    Row("ping", "ping 64 B, µs, median", "p50_us", False, _whole),
    Row("ping", "… slowest 1 %, µs", "p99_us", False, _whole),
    Row("ping", "… failed", "errors", False, _whole, trouble=True),
    Row("ping32", "32 pings at once, per s", "per_s", True, _whole),
    Row("ping32", "… CPU µs each", "cpu_us_each", False, _tenths),
    Row("ping32", "… failed", "errors", False, _whole, trouble=True),
    Row("conn", "new connections per s", "per_s", True, _whole),
    Row("conn", "… CPU µs each", "cpu_us_each", False, _tenths),
    Row("conn", "… failed", "errors", False, _whole, trouble=True),
    Row("udp", "UDP 512 B, datagrams per s", "per_s", True, _whole),
    Row("udp", "… lost, %", "lost_percent", False, _hundredths, trouble=True),
    Row("udpmany", "UDP, 1,000 visitors × 50 per s: lost, %", "lost_percent", False, _hundredths),
    Row("udpmany", "… CPU µs each", "cpu_us_each", False, _tenths),
    Row("http", "HTTP, 32 connections, 1 KiB: requests per s", "per_s", True, _whole),
    Row("http", "… median, µs", "p50_us", False, _whole),
    Row("http", "… slowest 1 %, µs", "p99_us", False, _whole),
    Row("http", "… CPU µs each", "cpu_us_each", False, _tenths),
    Row("http", "… failed", "errors", False, _whole, trouble=True),
    Row("httpclose", "HTTP, a new connection each: requests per s", "per_s", True, _whole),
    Row("httpclose", "… CPU µs each", "cpu_us_each", False, _tenths),
    Row("httpclose", "… failed", "errors", False, _whole, trouble=True),
    Row("get64", "HTTP download of 64 MiB, MB/s", "MBps", True, _whole),
    Row("get64", "… CPU s per GB", "cpu_s_per_GB", False, _hundredths),
    Row("post64", "HTTP POST of 64 MiB, MB/s", "MBps", True, _whole),
    Row("post64", "… CPU s per GB", "cpu_s_per_GB", False, _hundredths),
    Row("slowloris", "HTTP beside 2,000 slow users: slowest 1 %, µs", "p99_us", False, _whole),
    Row("slowloris", "… as a multiple of that without them", "times", False, _hundredths),
    Row("https", "https bulk down, MB/s", "MBps", True, _whole),
    Row("https", "… CPU s per GB", "cpu_s_per_GB", False, _hundredths),
    Row("stcp", "stcp bulk down, MB/s", "MBps", True, _whole),
    Row("stcp", "… CPU s per GB", "cpu_s_per_GB", False, _hundredths),
    Row("xtcp", "xtcp bulk down, MB/s", "MBps", True, _tenths),
    Row("xtcp", "… CPU s per GB", "cpu_s_per_GB", False, _hundredths),
    Row("xtcpup", "xtcp bulk up, MB/s", "MBps", True, _tenths),
    Row("xtcpup", "… CPU s per GB", "cpu_s_per_GB", False, _hundredths),
    Row("hold", "memory per idle connection, kB", "kB_each", False, _tenths),
    Row("hold", "… dead after a while", "dead", False, _whole, trouble=True),
    Row("hold", "memory with none, MB", "base_MB", False, _tenths),
]


def median(measurements: list[Measurement], figure: str) -> float | None:
    """The middle value of a figure; ``None`` if no measurement has it."""
    values = [measurement[figure] for measurement in measurements if figure in measurement]
    return statistics.median(values) if values else None


def ratio(value: float, first: float) -> str:
    """A value as a multiple of the first pair's; empty where that says nothing."""
    return f" ({value / first:.2f}×)" if value and first else ""


def cells(row: Row, results: Results, pairs: list[str]) -> list[str]:
    """What a row says of each pair: the median and, from the second pair on, the ratio; bold where better."""
    values = [median(results.get(row.test, {}).get(pair, []), row.figure) for pair in pairs]
    first = values[0]
    shown = []
    for place, value in enumerate(values):
        if value is None:
            shown.append("–")
        elif place == 0 or first is None:
            shown.append(row.show(value))
        else:
            better = value > first if row.more_is_better else value < first
            text = row.show(value) + ratio(value, first)
            shown.append(f"**{text}**" if better else text)
    return shown


def behind(run: dict[str, Any], least: float) -> list[str]:
    """Rows in which a pair does less than ``least`` times what the first pair does, in the median of its rounds, each
    compared with the first pair's round of the same number; one line of text for each."""
    first, *others = run["pairs"]
    lines = []
    for scenario in run["scenarios"]:
        for row in ROWS:
            found = scenario["results"].get(row.test, {})
            for other in others:
                ratios = [
                    (b[row.figure] / a[row.figure]) ** (1 if row.more_is_better else -1)
                    for a, b in zip(found.get(first, []), found.get(other, []), strict=False)
                    if a.get(row.figure) and b.get(row.figure)
                ]
                if ratios and (reached := statistics.median(ratios)) < least:
                    title = f"{row.title} ({row.test})" if row.title.startswith("…") else row.title
                    lines.append(f"{scenario['title']}: {title}: {other} reaches {reached:.2f} of {first}")
    return lines


def table(results: Results, pairs: list[str]) -> str:
    """The results of one scenario as a Markdown table."""

    def matters(row: Row) -> bool:
        return not row.trouble or any(median(found, row.figure) for found in results[row.test].values())

    lines = ["| | " + " | ".join(pairs) + " |", "|---|" + "---:|" * len(pairs)]
    for row in ROWS:
        if row.test in results and matters(row):
            lines.append(f"| {row.title} | " + " | ".join(cells(row, results, pairs)) + " |")
    return "\n".join(lines)


def render(run: dict[str, Any]) -> str:
    """A whole run in Markdown: where and how it was measured, then a table for each scenario."""
    machine, pairs = run["machine"], run["pairs"]
    parts = [
        f"Measured {run['date']} on {machine['cpu']}, {machine['cores']} cores, {machine['memory_GB']:.0f} GB, "
        f"{machine['system']}, {machine['python']}; everything on one machine over the loopback address. "
        f"Medians of {run['rounds']} rounds of {run['seconds']:g} s, the pairs by turns. In parentheses: "
        f"multiples of {pairs[0]}; bold: better than {pairs[0]}."
    ]
    if "load_generator" in run:
        parts.append(f"The load generator: {run['load_generator']}.")
    if machine["load"] > machine["cores"] / 2:
        parts.append(
            f"The machine was busy with other work (load {machine['load']:.1f}): read the ratios only."
        )
    for scenario in run["scenarios"]:
        parts.append(f"### {scenario['title']}\n\n{table(scenario['results'], pairs)}")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(render(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), end="")

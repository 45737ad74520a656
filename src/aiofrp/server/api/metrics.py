"""The counters of frps for Prometheus, in frp's names (docs/protocol/server.md §14).

Counting is plain arithmetic; prometheus-client collects and writes only when ``/metrics`` is read. Imported only where
``enablePrometheus`` is on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

#: ``Content-Type`` of an exposition.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8; escaping=values"
#: Closed proxies whose series are kept; those of the one closed first go first. The reference keeps all.
CLOSED_LIMIT = 10_000

#: The value at the end of a line of numbers, where it has a fraction or an exponent.
_NUMBER = re.compile(rb"(?m)^([^#\n].*) (-?[0-9]+\.[0-9]+(?:e\+[0-9]+)?)$")
_COUNTERS: Final = ("frp_server_traffic_in", "frp_server_traffic_out")


def _plain_number(line: re.Match[bytes]) -> bytes:
    """A line with a whole number written as whole: prometheus-client writes 5000.0, on which shell scripts fail."""
    number = float(line[2])
    return b"%b %d" % (line[1], number) if number.is_integer() else line[0]


class _Series:
    """The numbers of one proxy; ``None`` until there is something to show."""

    __slots__ = ("connections", "lost", "proxies", "traffic_in", "traffic_out")

    def __init__(self) -> None:
        self.proxies: int | None = None
        self.connections: int | None = None
        self.traffic_in: int | None = None
        self.traffic_out: int | None = None
        self.lost: dict[str, int] = {}  # by cause; there are few


class Metrics(Collector):
    """The series of one frps; an :class:`aiofrp.server.api.statistics.Observer`."""

    def __init__(self) -> None:
        self._clients = 0
        self._types: dict[str, int] = {}  # there are eight
        # By name and type; the closed ones limited by CLOSED_LIMIT.
        self._series: dict[tuple[str, str], _Series] = {}
        self._closed: dict[tuple[str, str], None] = {}  # the longest closed first
        self._registry = CollectorRegistry()
        self._registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def exposition(self) -> tuple[bytes, str]:
        """The text Prometheus reads, and its content type."""
        text = generate_latest(self._registry)
        for name in _COUNTERS:  # prometheus-client ends every counter's name in _total, frp does not
            for line in ("HELP", "TYPE"):
                text = text.replace(f"\n# {line} {name}_total ".encode(), f"\n# {line} {name} ".encode())
        return _NUMBER.sub(_plain_number, text), CONTENT_TYPE

    # Observer

    def client_opened(self) -> None:
        """One more in ``client_counts``."""
        self._clients += 1

    def client_closed(self) -> None:
        """One less in ``client_counts``."""
        self._clients -= 1

    def proxy_opened(self, name: str, kind: str, user: str, client_id: str, run_id: str = "") -> None:
        """One more in ``proxy_counts`` of its type; its series are kept from now on."""
        self._types[kind] = self._types.get(kind, 0) + 1
        series = self._series.setdefault((name, kind), _Series())
        series.proxies = (series.proxies or 0) + 1
        self._closed.pop((name, kind), None)

    def proxy_closed(self, name: str, kind: str) -> None:
        """One less of its type; its series stay until :data:`CLOSED_LIMIT` others were closed after it."""
        self._types[kind] -= 1
        series = self._series[name, kind]
        series.proxies = (series.proxies or 1) - 1
        self._closed[name, kind] = None
        if len(self._closed) > CLOSED_LIMIT:
            oldest = next(iter(self._closed))
            del self._closed[oldest], self._series[oldest]

    def connection_opened(self, name: str, kind: str) -> None:
        """One more in ``connection_counts`` of the proxy."""
        if series := self._series.get((name, kind)):
            series.connections = (series.connections or 0) + 1

    def connection_closed(self, name: str, kind: str) -> None:
        """One less in ``connection_counts`` of the proxy."""
        if series := self._series.get((name, kind)):
            series.connections = (series.connections or 1) - 1

    def traffic(self, name: str, kind: str, bytes_in: int, bytes_out: int) -> None:
        """Bytes for ``traffic_in`` and ``traffic_out`` of the proxy."""
        if series := self._series.get((name, kind)):  # not once it was forgotten
            series.traffic_in = (series.traffic_in or 0) + bytes_in
            series.traffic_out = (series.traffic_out or 0) + bytes_out

    def lost(self, name: str, kind: str, cause: str, count: int) -> None:
        if series := self._series.get((name, kind)):
            series.lost[cause] = series.lost.get(cause, 0) + count

    # Collector

    def collect(self) -> Iterator[Metric]:
        """The families that have a series, by name."""
        clients: list[tuple[dict[str, str], int]] = [({}, self._clients)]
        yield from _family("client_counts", "The current client counts of frps", "gauge", clients)
        yield from self._of_proxies(
            "connection_counts", "The current connection counts", "gauge", "connections"
        )
        types = [({"type": kind}, count) for kind, count in sorted(self._types.items())]
        yield from _family("proxy_counts", "The current proxy counts", "gauge", types)
        detailed = "The current number of proxies grouped by type and name"
        yield from self._of_proxies("proxy_counts_detailed", detailed, "gauge", "proxies")
        yield from self._of_proxies("traffic_in", "The total in traffic", "counter", "traffic_in")
        yield from self._of_proxies("traffic_out", "The total out traffic", "counter", "traffic_out")
        yield from self._losses()

    def _losses(self) -> Iterator[Metric]:
        """What was lost: not among the families of frp, and not there before something is."""
        metric = Metric("aiofrp_server_lost", "Datagrams, or users of them, that were lost", "counter")
        for (proxy, type_), series in sorted(self._series.items()):
            for cause, count in sorted(series.lost.items()):
                labels = {"name": proxy, "type": type_, "cause": cause}
                metric.add_sample(f"{metric.name}_total", labels, count)
        if metric.samples:
            yield metric

    def _of_proxies(self, name: str, text: str, kind: str, attribute: str) -> Iterator[Metric]:
        numbers = [
            ({"name": proxy, "type": type_}, getattr(series, attribute))
            for (proxy, type_), series in sorted(self._series.items())
        ]
        return _family(name, text, kind, [item for item in numbers if item[1] is not None])


def _family(
    name: str, text: str, kind: str, numbers: Iterable[tuple[dict[str, str], int]]
) -> Iterator[Metric]:
    metric = Metric(f"frp_server_{name}", text, kind)
    for labels, number in numbers:
        metric.add_sample(metric.name, labels, number)
    if metric.samples:
        yield metric

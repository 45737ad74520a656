"""The connections of one proxy: counted once, and its end noticed."""

from __future__ import annotations

from aiofrp.server.api.statistics import Statistics
from aiofrp.server.publish.flow import Flow
from aiofrp.server.publish.published import Traffic
from tests.support.localclock import Clock


class Connection:
    bytes_in, bytes_out = 3, 5
    source = ("192.0.2.1", 9)

    def abort(self) -> None:
        raise AssertionError("nothing is aborted in these tests")


def test_a_connection_counts_from_its_opening_to_its_end() -> None:
    counted = Statistics(Clock())
    counted.proxy_opened("p", "tcp", "", "")
    ended: list[Traffic] = []
    flow = Flow()
    traffic = Traffic(("p", "tcp"), [counted], ended.append, flow)
    first, second = Connection(), Connection()
    traffic.opened(first)
    traffic.opened(second)
    assert (counted.connections, list(traffic.open)) == (2, [first, second])
    traffic.closed(first)
    assert (counted.connections, ended) == (1, [])
    traffic.closed(second)
    traffic.closed(second)  # once more, and not opened: nothing is counted
    assert (counted.connections, ended) == (0, [traffic, traffic])
    traffic.count(10, 20)
    record = counted.proxies()[0]
    assert (record.traffic_in.today(counted.today), record.traffic_out.today(counted.today)) == (16, 30)
    assert (flow.bytes_in, flow.bytes_out, flow.connections) == (16, 30, 2)


def test_single_connections_are_known_only_where_somebody_may_ask() -> None:
    first, second = Connection(), Connection()
    for flow in (Flow(), None):
        traffic = Traffic(("p", "tcp"), [], lambda traffic: None, flow)
        traffic.opened(first)
        traffic.opened(second)
        assert [live.joined for live in traffic.live()] == ([first, second] if flow else [])
        traffic.closed(second)
        assert list(traffic.open) == [first]

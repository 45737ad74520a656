"""The objects of the API, made from records and requests without a server."""

from __future__ import annotations

import pytest

from aiofrp.config.models.server import PortsRange
from aiofrp.config.models.shared import WebServerConfig
from aiofrp.config.models.types import Secret
from aiofrp.server.api import views
from aiofrp.server.api.clients import Clients
from aiofrp.server.api.statistics import Statistics
from aiofrp.wire.frp.messages import Login, NewProxy
from tests.support.localclock import NOON, Clock
from tests.support.tunnel import server_config


def test_ports_as_one_text() -> None:
    ports = [PortsRange(start=16000, end=16100), PortsRange(single=16200)]
    assert views.ports_text(ports) == "16000-16100,16200"
    assert views.ports_text([]) == ""


def test_v1_leaves_out_what_is_empty_of_the_configuration() -> None:
    shown = views.server_info(server_config(), Statistics(Clock()))
    assert not {"allowPortsStr", "tlsForce"} & shown.keys()
    ports = "allowPorts = [{ single = 7 }]\ntransport.tls.force = true\n"
    shown = views.server_info(server_config(ports), Statistics(Clock()))
    assert (shown["allowPortsStr"], shown["tlsForce"]) == ("7", True)


def test_the_status_sums_today() -> None:
    counted = Statistics(Clock())
    counted.client_opened()
    for name, kind in (("b", "udp"), ("a", "tcp")):
        counted.proxy_opened(name, kind, "", "")
        counted.connection_opened(name, kind)
        counted.traffic(name, kind, 3, 5)
    assert views.server_status(counted) == {
        "totalTrafficIn": 6,
        "totalTrafficOut": 10,
        "curConns": 2,
        "clientCounts": 1,
        "proxyTypeCount": {"tcp": 1, "udp": 1},
    }


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        (WebServerConfig(), "012345"),
        (WebServerConfig(user="u"), "0123456789abcdef"),
        (WebServerConfig(password=Secret("p")), "0123456789abcdef"),
    ],
)
def test_run_ids_are_shortened_where_anyone_may_read_them(config: WebServerConfig, shown: str) -> None:
    known = Clients(Clock())
    known.entered(Login(user="u"), "0123456789abcdef", "v1", "")
    client = views.client(known.all()[0], views.shown_run_ids(config))
    assert (client["runID"], client["clientID"], client["key"]) == (shown, shown, f"u.{shown}")
    assert not {"version", "clientIP", "disconnectedAt"} & client.keys()
    assert client["wireProtocol"] == "v1"


def test_a_proxy_that_does_not_run_has_no_settings() -> None:
    counted = Statistics(Clock())
    counted.proxy_opened("p", "tcp", "u", "c", "run")
    record = counted.proxies()[0]
    v1 = views.proxy(record, None, counted.today, str)
    assert (v1["conf"], v1["status"], v1["lastCloseTime"]) == (None, "offline", "")
    v2 = views.proxy_v2(record, None, counted.today, str)
    assert v2["spec"] == {"type": "tcp", "tcp": {}}
    assert v2["status"]["phase"] == "offline"


def test_a_running_proxy_shows_its_port_and_a_limit_that_can_be_read() -> None:
    counted = Statistics(Clock())
    counted.proxy_opened("p", "tcp", "u", "c", "run")
    record = counted.proxies()[0]
    for text, shown in (("2MB", "2MB"), ("much", "")):
        published = NewProxy(proxy_name="p", proxy_type="tcp", bandwidth_limit=text), ":6000"
        conf = views.proxy(record, published, counted.today, str)["conf"]
        assert conf["remotePort"] == 6000
        assert conf["transport"] == {"bandwidthLimit": shown, "bandwidthLimitMode": "client"}
        spec = views.proxy_v2(record, published, counted.today, str)["spec"]["tcp"]
        assert spec["transport"]["bandwidthLimit"] == shown
        assert spec["transport"]["useEncryption"] is False


def test_days_of_traffic_in_both_orders() -> None:
    clock = Clock()
    counted = Statistics(clock)
    counted.proxy_opened("p", "tcp", "", "")
    counted.traffic("p", "tcp", 1, 2)
    clock.pass_(days=1)
    counted.traffic("p", "tcp", 3, 4)
    record = counted.proxies()[0]
    v1 = views.traffic(record, counted.today)
    assert (v1["trafficIn"], v1["trafficOut"]) == ([3, 1, 0, 0, 0, 0, 0], [4, 2, 0, 0, 0, 0, 0])
    history = views.traffic_v2(record, counted.today)["history"]
    assert [day["trafficIn"] for day in history] == [0, 0, 0, 0, 0, 1, 3]
    assert history[-2]["date"] == NOON.date().isoformat()

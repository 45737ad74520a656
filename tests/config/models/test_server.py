"""What frps fills in by itself."""

from __future__ import annotations

from aiofrp.config.models.server import PortsRange, ServerConfig


def test_defaults_that_depend_on_other_fields() -> None:
    server = ServerConfig.model_validate(
        {"bindAddr": "127.0.0.5", "transport": {"tcpMux": False, "tls": {"trustedCaFile": "ca"}}}
    )
    assert server.proxy_bind_addr == "127.0.0.5"
    assert server.transport.heartbeat_timeout == 90
    assert server.transport.tls.force
    assert ServerConfig().transport.heartbeat_timeout == -1


def test_zero_values_mean_the_default() -> None:
    config = ServerConfig(bind_port=0, bind_addr="", user_conn_timeout=0)
    assert (config.bind_port, config.bind_addr, config.user_conn_timeout) == (7000, "0.0.0.0", 10)


def test_a_single_port_is_a_range_of_one() -> None:
    assert PortsRange(single=5, start=1, end=2).pair == (5, 5)
    assert PortsRange(start=5, end=7).pair == (5, 7)

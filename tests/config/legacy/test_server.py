"""frps.ini in the new format."""

from __future__ import annotations

from typing import Any

import pytest

from aiofrp.config.legacy import LegacyResult, convert_server, ini
from tests.config.batch import every


def converted(common: str) -> LegacyResult:
    return convert_server(ini.parse("[common]\n" + common))


def at(tree: dict[str, Any], path: str) -> Any:
    """The value at a dotted path, ``None`` if there is none."""
    value: Any = tree
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


@every(
    [
        ("bind_addr = 127.0.0.1", "bindAddr", "127.0.0.1"),
        ("bind_port = 7001", "bindPort", 7001),
        ("kcp_bind_port = 7001", "kcpBindPort", 7001),
        ("quic_bind_port = 7001", "quicBindPort", 7001),
        ("quic_keepalive_period = 1", "transport.quic.keepalivePeriod", 1),
        ("quic_max_idle_timeout = 2", "transport.quic.maxIdleTimeout", 2),
        ("quic_max_incoming_streams = 3", "transport.quic.maxIncomingStreams", 3),
        ("proxy_bind_addr = ::1", "proxyBindAddr", "::1"),
        ("vhost_http_port = 80", "vhostHTTPPort", 80),
        ("vhost_https_port = 443", "vhostHTTPSPort", 443),
        ("vhost_http_timeout = 5", "vhostHTTPTimeout", 5),
        ("tcpmux_httpconnect_port = 1337", "tcpmuxHTTPConnectPort", 1337),
        ("tcpmux_passthrough = true", "tcpmuxPassthrough", True),
        ("dashboard_addr = 127.0.0.2", "webServer.addr", "127.0.0.2"),
        ("dashboard_port = 7500", "webServer.port", 7500),
        ("dashboard_user = u", "webServer.user", "u"),
        ("dashboard_pwd = p", "webServer.password", "p"),
        ("assets_dir = ./a", "webServer.assetsDir", "./a"),
        ("enable_prometheus = yes", "enablePrometheus", True),
        ("log_file = ./f.log", "log.to", "./f.log"),
        ("log_level = debug", "log.level", "debug"),
        ("log_max_days = 5", "log.maxDays", 5),
        ("disable_log_color = on", "log.disablePrintColor", True),
        ("detailed_errors_to_client = false", "detailedErrorsToClient", False),
        ("subdomain_host = frps.com", "subDomainHost", "frps.com"),
        ("tcp_mux = 0", "transport.tcpMux", False),
        ("tcp_mux_keepalive_interval = 20", "transport.tcpMuxKeepaliveInterval", 20),
        ("tcp_keepalive = -1", "transport.tcpKeepalive", -1),
        ("custom_404_page = ./404", "custom404Page", "./404"),
        ("allow_ports = 1-5,7", "allowPorts", [{"start": 1, "end": 5}, {"single": 7}]),
        ("max_pool_count = 9", "transport.maxPoolCount", 9),
        ("max_ports_per_client = 9", "maxPortsPerClient", 9),
        ("tls_only = true", "transport.tls.force", True),
        ("tls_cert_file = c", "transport.tls.certFile", "c"),
        ("tls_key_file = k", "transport.tls.keyFile", "k"),
        ("tls_trusted_ca_file = ca", "transport.tls.trustedCaFile", "ca"),
        ("heartbeat_timeout = 70", "transport.heartbeatTimeout", 70),
        ("user_conn_timeout = 4", "userConnTimeout", 4),
        ("udp_packet_size = 0x5dc", "udpPacketSize", 1500),
        ("nat_hole_analysis_data_reserve_hours = 1", "natholeAnalysisDataReserveHours", 1),
        ("token = t;t # t", "auth.token", "t;t # t"),
        ("authentication_method = oidc", "auth.method", "oidc"),
        ("authenticate_heartbeats = 1", "auth.additionalScopes", ["HeartBeats"]),
        ("authenticate_new_work_conns = 1", "auth.additionalScopes", ["NewWorkConns"]),
        ("oidc_issuer = i", "auth.oidc.issuer", "i"),
        ("oidc_audience = a", "auth.oidc.audience", "a"),
        ("oidc_skip_expiry_check = 1", "auth.oidc.skipExpiryCheck", True),
        ("oidc_skip_issuer_check = 1", "auth.oidc.skipIssuerCheck", True),
        ("authentication_timeout = 900", "auth.authenticationTimeout", 900),
    ]
)
def test_keys(line: str, path: str, value: Any) -> None:
    assert at(converted(line).config, path) == value


def test_nothing_set_leaves_everything_to_the_defaults_but_the_dashboard_address() -> None:
    result = converted("")
    assert result.config == {"webServer": {"addr": "0.0.0.0"}}
    assert not result.warnings


@pytest.mark.parametrize("line", ["bind_port = x", "bind_port = 08", "tls_only = maybe", "allow_ports = 5-1"])
def test_values_that_do_not_parse_are_left_out_with_a_warning(line: str) -> None:
    result = converted(line)
    assert result.config == {"webServer": {"addr": "0.0.0.0"}}
    (warning,) = result.warnings
    assert (warning.section, warning.key, warning.line) == ("common", line.split()[0], 2)


@pytest.mark.parametrize(
    "key", ["privilege_token", "auth_token", "privilege_mode", "bind_udp_port", "nonsense"]
)
def test_keys_without_effect_are_pointed_out(key: str) -> None:
    (warning,) = converted(f"{key} = 1").warnings
    assert str(warning).startswith(f"[common] {key}: is no")
    assert str(warning).count("has no effect") == 1


@pytest.mark.parametrize("value", ["0", "-1", "", "x"])
def test_an_authentication_timeout_of_nothing_is_off(value: str) -> None:
    assert at(converted(f"authentication_timeout = {value}").config, "auth.authenticationTimeout") is None


@pytest.mark.parametrize(
    ("lines", "user", "password", "warned"),
    [
        ("dashboard_port = 7500", "admin", "admin", "the dashboard asks for user admin, password admin"),
        ("dashboard_port = 7500\ndashboard_pwd = p", "admin", "p", "the dashboard asks for user admin"),
        ("dashboard_port = 7500\ndashboard_user = u", "u", None, ""),
        ("dashboard_port = 7500\ndashboard_user = u\ndashboard_pwd = p", "u", "p", ""),
        ("dashboard_port = 0", None, None, ""),
        ("", None, None, ""),
    ],
)
def test_a_dashboard_without_user_is_admin(
    lines: str, user: str | None, password: str | None, warned: str
) -> None:
    result = converted(lines)
    web = result.config["webServer"]
    assert (web.get("user"), web.get("password")) == (user, password)
    assert [str(warning) for warning in result.warnings] == (
        [f"[common] dashboard_user: is not set; {warned}"] if warned else []
    )


def test_the_dashboard_has_tls_only_if_its_mode_says_so() -> None:
    files = "dashboard_tls_cert_file = c\ndashboard_tls_key_file = k\npprof_enable = true\n"
    result = converted(files)
    assert "tls" not in result.config["webServer"]
    assert [warning.key for warning in result.warnings] == ["pprof_enable"]
    web = converted(files + "dashboard_tls_mode = true").config["webServer"]
    assert (web["tls"], web["pprofEnable"]) == ({"certFile": "c", "keyFile": "k"}, True)
    assert converted("dashboard_tls_mode = true").config["webServer"]["tls"] == {
        "certFile": "",
        "keyFile": "",
    }


def test_plugins_come_by_name() -> None:
    text = "[common]\n[plugin]\naddr = base\n[plugin.b]\nops = Login, NewProxy\ntlsVerify = true\n"
    text += "[plugin.a]\naddr = 127.0.0.1:9000\npath = /h\ntls_verify = true\n[other]\n"
    result = convert_server(ini.parse(text))
    assert result.config["httpPlugins"] == [
        {"name": "a", "addr": "127.0.0.1:9000", "path": "/h"},
        {"name": "b", "addr": "base", "ops": ["Login", "NewProxy"], "tlsVerify": True},
    ]
    assert [str(warning) for warning in result.warnings] == [
        "[plugin.a] tls_verify: is not known here and has no effect; did you mean tlsVerify?"
    ]

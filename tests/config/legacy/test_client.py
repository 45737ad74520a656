"""frpc.ini in the new format: [common], and which sections are looked at."""

from __future__ import annotations

from typing import Any

import pytest

from aiofrp.config.legacy import LegacyResult, client_includes, convert_client, ini
from aiofrp.errors import ConfigError
from tests.config.batch import every
from tests.config.legacy.test_server import at


def converted(text: str) -> LegacyResult:
    return convert_client(ini.parse("[common]\n" + text))


def names(result: LegacyResult) -> list[str]:
    return [item["name"] for item in (*result.config["proxies"], *result.config["visitors"])]


def error(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        converted(text)
    return str(caught.value)


@every(
    [
        ("server_addr = example.org", "serverAddr", "example.org"),
        ("server_port = 7001", "serverPort", 7001),
        ("nat_hole_stun_server = s:1", "natHoleStunServer", "s:1"),
        ("dns_server = 192.0.2.1", "dnsServer", "192.0.2.1"),
        ("login_fail_exit = false", "loginFailExit", False),
        ("user = u", "user", "u"),
        ("start = a, b", "start", ["a", "b"]),
        ("includes = ./x/*.ini", "includes", ["./x/*.ini"]),
        ("udp_packet_size = 1", "udpPacketSize", 1),
        ("dial_server_timeout = 1", "transport.dialServerTimeout", 1),
        ("dial_server_keepalive = -1", "transport.dialServerKeepalive", -1),
        ("connect_server_local_ip = 127.0.0.5", "transport.connectServerLocalIP", "127.0.0.5"),
        ("http_proxy = http://x", "transport.proxyURL", "http://x"),
        ("pool_count = 010", "transport.poolCount", 8),
        ("tcp_mux = off", "transport.tcpMux", False),
        ("tcp_mux_keepalive_interval = 1", "transport.tcpMuxKeepaliveInterval", 1),
        ("protocol = kcp", "transport.protocol", "kcp"),
        ("quic_keepalive_period = 1", "transport.quic.keepalivePeriod", 1),
        ("heartbeat_interval = 1", "transport.heartbeatInterval", 1),
        ("heartbeat_timeout = 1", "transport.heartbeatTimeout", 1),
        ("tls_enable = no", "transport.tls.enable", False),
        ("disable_custom_tls_first_byte = no", "transport.tls.disableCustomTLSFirstByte", False),
        ("tls_server_name = n", "transport.tls.serverName", "n"),
        ("admin_addr = 127.0.0.6", "webServer.addr", "127.0.0.6"),
        ("admin_port = 7400", "webServer.port", 7400),
        ("admin_user = u", "webServer.user", "u"),
        ("admin_pwd = p", "webServer.password", "p"),
        ("pprof_enable = true", "webServer.pprofEnable", True),
        ("token = t", "auth.token", "t"),
        ("oidc_client_id = i", "auth.oidc.clientID", "i"),
        ("oidc_client_secret = s", "auth.oidc.clientSecret", "s"),
        ("oidc_audience = a", "auth.oidc.audience", "a"),
        ("oidc_scope = s", "auth.oidc.scope", "s"),
        ("oidc_token_endpoint_url = https://x", "auth.oidc.tokenEndpointURL", "https://x"),
        ("oidc_additional_k = v", "auth.oidc.additionalEndpointParams", {"k": "v"}),
        ("meta_b c = %(token)s", "metadatas", {"b c": "%(token)s"}),
        ("log_file = ./f", "log.to", "./f"),
    ]
)
def test_keys(line: str, path: str, value: Any) -> None:
    result = converted(line)
    assert at(result.config, path) == value
    assert not result.warnings


def test_nothing_set_leaves_everything_to_the_defaults() -> None:
    assert converted("").config == {"proxies": [], "visitors": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("protocol = udp", "parse config error: invalid protocol"),
        (
            "heartbeat_interval = 30\nheartbeat_timeout = 10\nprotocol = udp",
            "parse config error: invalid heartbeat_timeout, heartbeat_timeout is less than heartbeat_interval",
        ),
        ("[t]\nrole = client", "proxy t role should be 'server' or 'visitor'"),
    ],
)
def test_errors(text: str, message: str) -> None:
    assert error(text) == message


@pytest.mark.parametrize(
    "text", ["heartbeat_interval = 30\nheartbeat_timeout = -1", "heartbeat_timeout = 10"]
)
def test_heartbeats_that_are_off_need_no_order(text: str) -> None:
    assert converted(text).config["transport"]


def test_files_of_tls_that_is_off_are_noticed_as_the_reference_does() -> None:
    text = "tls_enable = false\ntls_key_file = k\ntls_cert_file = c\n"
    assert converted(text).notices == (
        "WARNING! tls_cert_file is invalid when tls_enable is false",
        "WARNING! tls_key_file is invalid when tls_enable is false",
    )
    assert converted(text.replace("false", "true")).notices == ()


def test_sections_come_by_name() -> None:
    result = converted("[b]\n[a.c]\n[v]\nrole = visitor\ntype = stcp\n[a]\n[DEFAULT]\nx = y\n")
    assert names(result) == ["a", "a.c", "b", "v"]


def test_start_leaves_sections_out_before_they_are_read() -> None:
    assert names(converted("start = b\n[a]\ntype = nonsense\n[b]\n")) == ["b"]


def test_included_files_bring_sections_but_no_common() -> None:
    main = "[common]\nuser = u\nincludes = x.ini\n[a]\nlocal_port = 1\n"
    merged = ini.parse(main + "\n[common]\nuser = other\n[a]\nlocal_port = 2\n[b]\n")
    result = convert_client(ini.parse(main), merged)
    assert result.config["user"] == "u"
    assert [(proxy["name"], proxy.get("localPort")) for proxy in result.config["proxies"]] == [
        ("a", 2),
        ("b", None),
    ]


def test_includes_are_known_before_anything_else_is_read() -> None:
    file = ini.parse("[common]\nincludes = a/*.ini, b.ini\n[x]\ntype = nonsense\n")
    assert client_includes(file) == ["a/*.ini", "b.ini"]
    with pytest.raises(ConfigError, match="invalid protocol"):
        client_includes(ini.parse("[common]\nprotocol = udp\n"))


def test_a_conversion_does_not_change_the_file() -> None:
    file = ini.parse("[common]\n[range:r]\nlocal_port = 1-2\nremote_port = 3-4\n")
    before = list(file)
    assert names(convert_client(file)) == ["r_0", "r_1"]
    assert list(file) == before


def test_plain_authentication_timeout_belongs_to_the_server() -> None:
    assert [str(warning) for warning in converted("authentication_timeout = 5").warnings] == [
        "[common] authentication_timeout: has no effect on a client; it belongs to frps"
    ]

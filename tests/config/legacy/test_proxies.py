"""Sections of frpc.ini as proxies and visitors."""

from __future__ import annotations

from typing import Any

import pytest

from aiofrp.config.legacy import LegacyResult, convert_client, ini
from aiofrp.errors import ConfigError
from tests.config.batch import every
from tests.config.legacy.test_server import at


def converted(section: str, name: str = "p") -> LegacyResult:
    return convert_client(ini.parse(f"[common]\n[{name}]\n{section}\n"))


def proxy(section: str) -> dict[str, Any]:
    (found,) = converted(section).config["proxies"]
    assert isinstance(found, dict)
    return found


def visitor(section: str) -> dict[str, Any]:
    (found,) = converted("role = visitor\n" + section).config["visitors"]
    assert isinstance(found, dict)
    return found


def error(section: str) -> str:
    with pytest.raises(ConfigError) as caught:
        converted(section)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["tcp", "udp", "http", "https", "tcpmux", "stcp", "sudp", "xtcp"])
def test_types(kind: str) -> None:
    assert proxy(f"type = {kind}\nrole = server") == {"name": "p", "type": kind}


def test_a_section_without_type_keeps_an_empty_one() -> None:
    assert proxy("name = other\nremote_port = 5") == {"name": "p", "type": "", "remotePort": 5}


@every(
    [
        ("tcp", "local_ip = 10.0.0.1", "localIP", "10.0.0.1"),
        ("tcp", "local_port = 0b11", "localPort", 3),
        ("udp", "remote_port = 6000", "remotePort", 6000),
        ("tcp", "use_encryption = true", "transport.useEncryption", True),
        ("tcp", "use_compression = 1", "transport.useCompression", True),
        ("tcp", "bandwidth_limit =  1.5MB ", "transport.bandwidthLimit", "1.5MB"),
        ("tcp", "bandwidth_limit_mode = server", "transport.bandwidthLimitMode", "server"),
        ("tcp", "proxy_protocol_version = v2", "transport.proxyProtocolVersion", "v2"),
        ("tcp", "group = g", "loadBalancer.group", "g"),
        ("tcp", "group_key = k", "loadBalancer.groupKey", "k"),
        ("tcp", "health_check_type = tcp", "healthCheck.type", "tcp"),
        ("tcp", "health_check_timeout_s = 1", "healthCheck.timeoutSeconds", 1),
        ("tcp", "health_check_max_failed = 2", "healthCheck.maxFailed", 2),
        ("tcp", "health_check_interval_s = 3", "healthCheck.intervalSeconds", 3),
        ("http", "health_check_url = /ok", "healthCheck.path", "/ok"),
        ("http", "custom_domains = a.org, b.org", "customDomains", ["a.org", "b.org"]),
        ("https", "subdomain = s", "subdomain", "s"),
        ("http", "locations = /,/x", "locations", ["/", "/x"]),
        ("http", "http_user = u", "httpUser", "u"),
        ("http", "http_pwd = p", "httpPassword", "p"),
        ("http", "http_passwd = p", "httpPassword", "p"),
        ("tcpmux", "http_passwd = p", "httpPassword", "p"),
        ("http", "http_passwd = old\nhttp_pwd = new", "httpPassword", "new"),
        ("http", "http_pwd = new\nhttp_passwd = old", "httpPassword", "new"),
        ("http", "host_header_rewrite = h", "hostHeaderRewrite", "h"),
        ("http", "header_X-From = frp", "requestHeaders.set", {"X-From": "frp"}),
        ("tcpmux", "route_by_http_user = r", "routeByHTTPUser", "r"),
        ("tcpmux", "multiplexer = httpconnect", "multiplexer", "httpconnect"),
        ("stcp", "sk = s", "secretKey", "s"),
        ("xtcp", "allow_users = a,b", "allowUsers", ["a", "b"]),
        ("tcp", "meta_x = %(type)s", "metadatas", {"x": "%(type)s"}),
        ("tcp", "group = %(type)s", "loadBalancer.group", "tcp"),
        ("tcp", "plugin = nobody_knows", "plugin", {"type": "nobody_knows"}),
    ]
)
def test_keys(kind: str, line: str, path: str, value: Any) -> None:
    result = converted(f"type = {kind}\n{line}")
    assert at(result.config["proxies"][0], path) == value
    assert not result.warnings


@pytest.mark.parametrize(
    ("section", "plugin"),
    [
        ("http_proxy\nplugin_http_user = u\nplugin_http_passwd = p", {"httpUser": "u", "httpPassword": "p"}),
        ("socks5\nplugin_user = u\nplugin_passwd = p", {"username": "u", "password": "p"}),
        ("unix_domain_socket\nplugin_unix_path = /s", {"unixPath": "/s"}),
        (
            "static_file\nplugin_local_path = /d\nplugin_strip_prefix = s\nplugin_http_user = u",
            {"localPath": "/d", "stripPrefix": "s", "httpUser": "u"},
        ),
        (
            "https2http\nplugin_local_addr = a\nplugin_crt_path = c\nplugin_key_path = k\nplugin_header_X = 1",
            {"localAddr": "a", "crtPath": "c", "keyPath": "k", "requestHeaders": {"set": {"X": "1"}}},
        ),
        ("https2https\nplugin_host_header_rewrite = h", {"hostHeaderRewrite": "h"}),
        ("http2https\nplugin_local_addr = a\nplugin_crt_path = no\nplugin_header_ = no", {"localAddr": "a"}),
        ("socks5\nplugin_header_X = no", {}),
    ],
)
def test_plugins(section: str, plugin: dict[str, Any]) -> None:
    assert proxy(f"plugin = {section}")["plugin"] == {"type": section.split("\n")[0], **plugin}


def test_parameters_of_plugins_are_not_inherited() -> None:
    text = "[common]\n[a]\nplugin = socks5\nplugin_user = u\nlocal_port = 1\n[a.b]\nremote_port = 2\n"
    _, child = convert_client(ini.parse(text)).config["proxies"]
    assert child == {"name": "a.b", "type": "", "localPort": 1, "remotePort": 2, "plugin": {"type": "socks5"}}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("type = tcpx", "failed to parse proxy p, err: invalid type [tcpx]"),
        ("type = TCP", "failed to parse proxy p, err: invalid type [TCP]"),
        ("bandwidth_limit = 3GB", "failed to parse proxy p, err: unit not support"),
        (
            "bandwidth_limit = xMB",
            'failed to parse proxy p, err: strconv.ParseFloat: parsing "x": invalid syntax',
        ),
        (
            "plugin = tls2raw",
            "failed to parse proxy p, err: plugin [tls2raw] has no INI form; use toml, yaml or json",
        ),
        ("role = visitor", "failed to parse visitor p, err: type shouldn't be empty"),
        ("role = visitor\ntype = http", "failed to parse visitor p, err: type [http] error"),
    ],
)
def test_errors(section: str, message: str) -> None:
    assert error(section) == message


@every(
    [
        ("stcp", "server_name = n", "serverName", "n"),
        ("stcp", "server_user = u", "serverUser", "u"),
        ("stcp", "sk = s", "secretKey", "s"),
        ("sudp", "bind_addr = 0.0.0.0", "bindAddr", "0.0.0.0"),
        ("stcp", "bind_port = -1", "bindPort", -1),
        ("stcp", "use_encryption = true", "transport.useEncryption", True),
        ("stcp", "use_compression = true", "transport.useCompression", True),
        ("xtcp", "protocol = kcp", "protocol", "kcp"),
        ("xtcp", "keep_tunnel_open = true", "keepTunnelOpen", True),
        ("xtcp", "max_retries_an_hour = 3", "maxRetriesAnHour", 3),
        ("xtcp", "max_retries_an_hour = -3", "maxRetriesAnHour", None),
        ("xtcp", "min_retry_interval = 0", "minRetryInterval", None),
        ("xtcp", "fallback_to = v", "fallbackTo", "v"),
        ("xtcp", "fallback_timeout_ms = 5", "fallbackTimeoutMs", 5),
    ]
)
def test_visitors(kind: str, line: str, path: str, value: Any) -> None:
    found = visitor(f"type = {kind}\n{line}")
    assert (found["name"], found["type"]) == ("p", kind)
    assert at(found, path) == value


def test_keys_of_other_types_are_pointed_out() -> None:
    result = converted("type = tcp\ncustom_domains = a.org\nlocal_port = x\nnonsense = 1\nhttp_passwd = p")
    assert [str(warning) for warning in result.warnings] == [
        "[p] local_port: 'x' is not a whole number and has no effect",
        "[p] custom_domains: is not known here and has no effect; it belongs to a proxy of type http, https, tcpmux",
        "[p] nonsense: is not known here and has no effect",
        "[p] http_passwd: has no effect here; it belongs to a proxy of type http or tcpmux",
    ]
    assert [warning.line for warning in result.warnings] == [5, 4, 6, 7]

"""Configurations made of flags."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aiofrp.cli import frpc, frps
from aiofrp.config.flags.configs import (
    client_config,
    proxy_config,
    proxy_warnings,
    server_config,
    server_warnings,
    visitor_config,
)
from aiofrp.config.flags.parse import parse
from aiofrp.config.models.model import to_tree
from aiofrp.config.models.server import ServerConfig
from aiofrp.proxy.http import HttpConfig
from aiofrp.proxy.stcp import StcpConfig, StcpVisitorConfig
from aiofrp.proxy.tcp import TcpConfig


def server(*arguments: str) -> ServerConfig:
    return server_config(parse(frps.ROOT, arguments))


def test_frps_without_a_flag_differs_from_an_empty_file_in_the_dashboard_only() -> None:
    config = server()
    web = config.web_server
    assert (web.addr, web.user, web.password.reveal()) == ("0.0.0.0", "admin", "admin")
    assert config.model_copy(update={"web_server": ServerConfig().web_server}) == ServerConfig()


def test_the_flags_of_frps() -> None:
    config = server(
        *("--bind_addr", "127.0.0.1", "-p", "7001", "--kcp-bind-port=7002", "--quic_bind_port", "7003"),
        *("--vhost-http-port", "80", "--vhost_https_port", "443", "--vhost-http-timeout", "7"),
        *("--dashboard-port", "7500", "--dashboard-pwd", "x", "--enable-prometheus", "--tls-only"),
        *("--log-file", "a.log", "--log-level", "debug", "--log-max-days", "9", "--disable_log_color"),
        *(
            "-t",
            "secret",
            "--subdomain-host",
            "example.org",
            "--allow-ports",
            "1-2,5",
            "--max-ports-per-client",
            "3",
        ),
    )
    assert (config.bind_addr, config.bind_port, config.proxy_bind_addr) == ("127.0.0.1", 7001, "0.0.0.0")
    assert (config.kcp_bind_port, config.quic_bind_port) == (7002, 7003)
    assert (config.vhost_http_port, config.vhost_https_port, config.vhost_http_timeout) == (80, 443, 7)
    assert (config.web_server.port, config.web_server.password.reveal()) == (7500, "x")
    assert (config.enable_prometheus, config.transport.tls.force) == (True, True)
    assert to_tree(config.log) == {"to": "a.log", "level": "debug", "maxDays": 9, "disablePrintColor": True}
    assert (config.auth.token.reveal(), config.sub_domain_host) == ("secret", "example.org")
    assert [ports.pair for ports in config.allow_ports] == [(1, 2), (5, 5)]
    assert config.max_ports_per_client == 3


@pytest.mark.parametrize(
    "mode", [["--dashboard-tls-mode"], ["--dashboard_tls_mode", "true"], ["--dashboard-tls-mode=1"]]
)
def test_the_dashboard_over_tls(mode: Sequence[str]) -> None:
    files = ["--dashboard-tls-cert-file", "c.pem", "--dashboard-tls-key-file", "k.pem"]
    tls = server(*mode, *files, "-p", "7001").web_server.tls
    assert tls is not None
    assert (tls.cert_file, tls.key_file) == ("c.pem", "k.pem")


def test_dashboard_certificates_without_the_mode_are_told_to_be_useless() -> None:
    invocation = parse(frps.ROOT, ["--dashboard-tls-cert-file", "c.pem"])
    assert server_config(invocation).web_server.tls is None
    assert server_warnings(invocation) == [
        "--dashboard-tls-cert-file has no effect without --dashboard-tls-mode"
    ]


def test_the_flags_of_a_tcp_proxy_and_its_connection() -> None:
    invocation = parse(
        frpc.ROOT,
        [
            *("tcp", "-n", "ssh", "-i", "10.0.0.1", "-l", "22", "-r", "6000", "--ue", "--uc"),
            *("--bandwidth_limit", "1MB", "--bandwidth-limit-mode", "server", "--metadatas", "a=1,b=2"),
            *("--annotations", "site=lab", "-s", "example.org", "-P", "7001", "-p", "websocket", "-t", "x"),
            *(
                "-u",
                "me",
                "--client-id",
                "c",
                "--tls-enable=false",
                "--tls-server-name",
                "n",
                "--dns-server",
                "::1",
            ),
        ],
    )
    proxy = proxy_config(invocation)
    assert isinstance(proxy, TcpConfig)
    assert (proxy.name, proxy.type, proxy.local_ip, proxy.local_port, proxy.remote_port) == (
        *("ssh", "tcp", "10.0.0.1", 22, 6000),
    )
    assert (proxy.metadatas, proxy.annotations) == ({"a": "1", "b": "2"}, {"site": "lab"})
    assert (proxy.transport.bandwidth_limit.bytes, proxy.transport.bandwidth_limit_mode) == (
        1048576,
        "server",
    )
    assert (proxy.transport.use_encryption, proxy.transport.use_compression) == (True, True)
    config = client_config(invocation, proxy=proxy)
    assert (config.server_addr, config.server_port, config.user, config.client_id) == (
        "example.org",
        7001,
        "me",
        "c",
    )
    assert (config.transport.protocol, config.transport.tls.enable, config.transport.tls.server_name) == (
        *("websocket", False, "n"),
    )
    assert (config.auth.token.reveal(), config.dns_server) == ("x", "::1")
    assert (config.proxies, config.visitors) == ((proxy,), ())
    assert proxy_warnings(proxy) == []


def test_the_connection_of_a_command_goes_to_this_machine() -> None:
    config = client_config(parse(frpc.ROOT, ["tcp"]))
    assert (config.server_addr, config.server_port, config.web_server.port) == ("127.0.0.1", 7000, 0)


def test_an_http_proxy_without_a_local_port_explains_itself() -> None:
    proxy = proxy_config(
        parse(frpc.ROOT, ["http", "-n", "web", "-d", "a.example.org,b.example.org", "-d", "c"])
    )
    assert isinstance(proxy, HttpConfig)
    assert proxy.custom_domains == ("a.example.org", "b.example.org", "c")
    assert proxy_warnings(proxy) == [
        "no --local-port: users of this proxy are sent to 127.0.0.1:0, where nobody listens"
    ]


def test_a_secret_proxy_and_its_visitor() -> None:
    proxy = proxy_config(parse(frpc.ROOT, ["stcp", "--sk", "k", "--allow_users", "a,b"]))
    assert isinstance(proxy, StcpConfig)
    assert (proxy.secret_key.reveal(), proxy.allow_users) == ("k", ("a", "b"))
    line = [
        "stcp",
        "visitor",
        "-n",
        "v",
        "--server_name",
        "s",
        "--server-user",
        "u",
        "--sk",
        "k",
        "--bind-port",
        "9",
    ]
    visitor = visitor_config(parse(frpc.ROOT, line))
    assert isinstance(visitor, StcpVisitorConfig)
    assert (visitor.name, visitor.type, visitor.server_name, visitor.server_user) == ("v", "stcp", "s", "u")
    assert (visitor.bind_addr, visitor.bind_port) == ("127.0.0.1", 9)

"""Rules whose texts are not among the recorded bad configurations (those are in test_verify)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from aiofrp.config.load.decode import decode_client, decode_proxy, decode_server, decode_visitor
from aiofrp.config.load.validate import (
    client_problems,
    duplicate_problems,
    gate_problems,
    proxy_problems,
    server_problems,
    visitor_problems,
)
from aiofrp.config.load.warnings import client_warnings
from aiofrp.config.problem import Problem, dotted


def _texts(problems: Iterable[Problem]) -> list[str]:
    return [problem.message for problem in problems]


def test_defaults_are_good() -> None:
    assert _texts(server_problems(decode_server({}))) == []
    assert _texts(client_problems(decode_client({}))) == []


def test_the_order_of_the_common_part() -> None:
    source = {"type": "exec", "exec": {"command": ""}}
    tree = {
        "auth": {"method": "x", "additionalScopes": ["y"], "token": "t", "tokenSource": source},
        "log": {"level": "loud"},
        "webServer": {"port": 70000},
        "bindPort": -1,
        "httpPlugins": [{"ops": ["Login", "Nope"]}],
    }
    problems = list(server_problems(decode_server(tree)))
    assert [dotted(problem.path) for problem in problems] == [
        "auth.method",
        "auth.additionalScopes",
        "auth.tokenSource",
        "auth.tokenSource.type",
        "auth.tokenSource",
        "log.level",
        "webServer.port",
        "bindPort",
        "httpPlugins[0].ops",
    ]


def test_exec_is_good_where_it_is_allowed() -> None:
    config = decode_server({"auth": {"tokenSource": {"type": "exec", "exec": {"command": "x"}}}})
    assert _texts(server_problems(config, ["TokenSourceExec"])) == []
    assert len(_texts(server_problems(config, ["Other"]))) == 1


def test_all_proxies_are_checked_when_the_common_part_is_good() -> None:
    tree: dict[str, Any] = {
        "proxies": [{"type": "tcp"}, {"type": "http", "name": "w"}],
        "visitors": [{"type": "xtcp", "name": "v", "protocol": "x"}],
    }
    assert _texts(client_problems(decode_client(tree))) == [
        "proxy : name should not be empty",
        "proxy w: subdomain and custom domains should not be both empty",
        "visitor v: server name is required",
        "visitor v: bind port is required",
        "visitor v: protocol should be kcp or quic",
    ]
    tree["log"] = {"level": "x"}
    assert len(_texts(client_problems(decode_client(tree)))) == 1


def test_a_plugin_stands_for_the_local_port() -> None:
    tree = {"type": "tcp", "name": "a", "localPort": 70000, "plugin": {"type": "socks5"}}
    assert _texts(proxy_problems(decode_proxy(tree))) == []
    del tree["plugin"]
    assert len(_texts(proxy_problems(decode_proxy(tree)))) == 1


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://idp.example/token", True),
        ("http://127.0.0.1:8080/", True),
        ("idp.example/token", False),
        ("//idp.example", False),
        ("http://", False),
        ("http://a:b/", False),
        ("http://a b/", False),
        ("ftp://a/", False),
    ],
)
def test_token_endpoints(url: str, good: bool) -> None:
    oidc = {"clientID": "c", "tokenEndpointURL": url}
    config = decode_client({"auth": {"method": "oidc", "oidc": oidc}})
    assert (_texts(client_problems(config)) == []) is good


def test_heartbeats() -> None:
    for interval, timeout, good in ((30, 29, False), (30, 30, True), (-1, 5, True), (5, -1, True)):
        tree = {"transport": {"heartbeatInterval": interval, "heartbeatTimeout": timeout}}
        assert (_texts(client_problems(decode_client(tree))) == []) is good


def test_negative_bind_port_of_a_visitor() -> None:
    visitor = decode_visitor({"type": "stcp", "name": "v", "serverName": "s", "bindPort": -1})
    assert _texts(visitor_problems(visitor)) == []


def test_feature_gates() -> None:
    config = decode_client({"featureGates": {"VirtualNet": True, "Nope": False}})
    assert _texts(gate_problems(config)) == ["unrecognized feature gate: Nope"]


def test_duplicate_names_are_told_once() -> None:
    proxies = [decode_proxy({"type": "tcp", "name": name}) for name in "abaca"]
    assert _texts(duplicate_problems("proxy", proxies)) == ["proxy name [a] is duplicated"]


def test_warnings() -> None:
    tls = {"enable": False, "certFile": "c", "trustedCaFile": "t"}
    assert client_warnings(decode_client({"transport": {"tls": tls}})) == [
        "transport.tls.certFile is invalid when transport.tls.enable is false",
        "transport.tls.trustedCaFile is invalid when transport.tls.enable is false",
    ]
    assert client_warnings(decode_client({"transport": {"tls": {**tls, "enable": True}}})) == []

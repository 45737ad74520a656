"""Trees to models: case, nulls, zero values, every problem at once. Recorded texts are in test_verify."""

from __future__ import annotations

from typing import Any

import pytest

from aiofrp.config.load.decode import Rules, decode_client, decode_proxy, decode_server, decode_visitor
from aiofrp.config.models.proxy import PluginConfig
from aiofrp.config.problem import InvalidConfig, dotted
from aiofrp.plugin.socks5 import Socks5PluginConfig
from aiofrp.proxy.tcp import TcpConfig
from aiofrp.proxy.xtcp import XtcpVisitorConfig

STRICT = Rules()
LENIENT = Rules(strict=False)


def _problems(tree: Any, decode: Any = decode_server, rules: Rules = STRICT) -> list[tuple[str, str]]:
    with pytest.raises(InvalidConfig) as caught:
        decode(tree, rules)
    return [(problem.message, dotted(problem.path)) for problem in caught.value.problems]


# Keys


def test_keys_match_without_case() -> None:
    config = decode_server({"BINDPORT": 7001, "Transport": {"TCPMUX": False}, "webserver": {"TLS": {}}})
    assert (config.bind_port, config.transport.tcp_mux) == (7001, False)
    assert config.web_server.tls is not None


def test_of_two_spellings_the_last_counts() -> None:
    assert decode_server({"bindPort": 1, "BindPort": 2}).bind_port == 1  # sorted: b comes after B
    assert decode_server({"bindPort": 1, "BindPort": 2}, Rules(ordered=True)).bind_port == 2


def test_two_spellings_of_a_table_merge() -> None:
    config = decode_server({"log": {"level": "warn"}, "Log": {"to": "f"}})
    assert (config.log.level, config.log.to) == ("warn", "f")


def test_the_overruled_spelling_must_be_good_too() -> None:
    assert _problems({"BindPort": "x", "bindPort": 1}) == [
        ('field "bindPort": cannot unmarshal string into int', "bindPort")
    ]


def test_null_is_absent() -> None:
    config = decode_client(
        {"user": None, "transport": None, "proxies": None, "start": [None], "metadatas": {"a": None}}
    )
    assert (config.user, config.proxies, config.start, config.metadatas) == ("", (), ("",), {"a": ""})
    assert decode_server(None).bind_port == 7000


def test_unknown_keys() -> None:
    tree = {"bind_port": 1, "log": {"lvl": "x"}, "httpPlugins": [{"ops": []}, {"nmae": "a"}]}
    assert _problems(tree) == [
        ('json: unknown field "bind_port"', "bind_port"),
        ('json: unknown field "nmae"', "httpPlugins[1].nmae"),
        ('json: unknown field "lvl"', "log.lvl"),
    ]
    assert decode_server(tree, LENIENT).bind_port == 7000


def test_a_key_cannot_break_the_line() -> None:
    assert _problems({"a\nb": 1})[0][0] == 'json: unknown field "a\\nb"'


# Types


def test_wrong_types_all_at_once() -> None:
    tree = {
        "bindPort": "7000",
        "log": 5,
        "allowPorts": [5, {"start": 1.5}],
        "enablePrometheus": 1,
        "auth": {"token": 5},
    }
    assert sorted(_problems(tree)) == [
        ('field "allowPorts": cannot unmarshal number into types.PortsRange', "allowPorts[0]"),
        ('field "allowPorts.start": cannot unmarshal number 1.5 into int', "allowPorts[1].start"),
        ('field "auth.token": cannot unmarshal number into string', "auth.token"),
        ('field "bindPort": cannot unmarshal string into int', "bindPort"),
        ('field "enablePrometheus": cannot unmarshal number into bool', "enablePrometheus"),
        ('field "log": cannot unmarshal number into v1.LogConfig', "log"),
    ]


@pytest.mark.parametrize(("tree", "got"), [([], "array"), ("x", "string"), (5, "number"), (True, "bool")])
def test_a_document_is_a_table(tree: Any, got: str) -> None:
    assert _problems(tree)[0][0] == f"json: cannot unmarshal {got} into Go value of type v1.ServerConfig"
    assert _problems(tree, decode_client)[0][0].endswith("into Go value of type v1.rawClientConfig")


def test_client_paths_name_the_embedded_type() -> None:
    tree = {"transport": {"tls": {"certFile": 5}}, "metadatas": {"a": 5}, "featureGates": {"x": "y"}}
    assert sorted(message for message, _ in _problems(tree, decode_client)) == [
        'field "ClientCommonConfig.featureGates": cannot unmarshal string into bool',
        'field "ClientCommonConfig.metadatas": cannot unmarshal number into string',
        'field "ClientCommonConfig.transport.tls.TLSConfig.certFile": cannot unmarshal number into string',
    ]


def test_lenient_yaml_makes_texts_of_numbers() -> None:
    rules = Rules(strict=False, coerce=True)
    config = decode_server({"bindAddr": 5, "log": {"to": 1e6, "level": True}, "auth": {"token": 1.5}}, rules)
    assert (config.bind_addr, config.log.to, config.log.level) == ("5", "1e+06", "true")
    assert config.auth.token.reveal() == "1.5"


def test_the_number_of_values_is_limited() -> None:
    shared = {"name": "a", "value": "b"}
    many: list[Any] = [{"type": "tcp", "healthCheck": {"httpHeaders": [shared] * 100}}] * 100
    assert (
        "more than 1000 values" in _problems({"proxies": many}, decode_client, Rules(max_values=1000))[0][0]
    )


# Proxies


def test_proxies_have_the_model_of_their_type() -> None:
    plugin = {"type": "socks5", "Username": "u"}
    config = decode_client(
        {
            "proxies": [{"Name": "a", "TYPE": "tcp", "remotePort": 6000, "plugin": plugin}],
            "visitors": [{"name": "v", "type": "xtcp", "serverName": "s", "bindPort": -1}],
        }
    )
    assert config.proxies == (TcpConfig(name="a", remote_port=6000, plugin=Socks5PluginConfig(username="u")),)
    assert isinstance(config.visitors[0], XtcpVisitorConfig)
    assert config.visitors[0].protocol == "quic"


def test_problems_of_all_proxies_and_of_the_common_part() -> None:
    tree = {
        "serverPort": "x",
        "proxies": [{"type": "tpc"}, {"type": "tcp", "localPort": "22"}, None, {"type": 5}, 7],
        "visitors": [{"type": "tcp"}, {"type": "stcp", "plugin": {}}],
    }
    messages = dict(_problems(tree, decode_client))
    assert list(messages.items()) == [
        ("decode proxy at index 0: unknown proxy type: tpc", "proxies[0].type"),
        (
            "decode proxy at index 1: unmarshal ProxyConfig error: json: cannot unmarshal string into Go"
            " struct field TCPProxyConfig.ProxyBaseConfig.ProxyBackend.localPort of type int",
            "proxies[1].localPort",
        ),
        ("decode proxy at index 2: type is required", "proxies[2]"),
        ('decode proxy at index 3: field "type": cannot unmarshal number into string', "proxies[3].type"),
        (
            "decode proxy at index 4: json: cannot unmarshal number into Go value of type v1.typedEnvelope",
            "proxies[4]",
        ),
        ("decode visitor at index 0: unknown visitor type: tcp", "visitors[0].type"),
        (
            "decode visitor at index 1: unmarshal VisitorConfig error: visitor plugin type is empty",
            "visitors[1].plugin.type",
        ),
        ('field "ClientCommonConfig.serverPort": cannot unmarshal string into int', "serverPort"),
    ]


def test_problems_of_plugins() -> None:
    tree = {"type": "tcp", "plugin": {"type": "socks5", "user": "u", "password": 5}}
    assert _problems(tree, decode_proxy) == [
        (
            'unmarshal proxy plugin error: unmarshal ClientPluginOptions error: json: unknown field "user"',
            "plugin.user",
        ),
        (
            "unmarshal ProxyConfig error: unmarshal ClientPluginOptions error: json: cannot unmarshal number"
            " into Go struct field Socks5PluginOptions.password of type string",
            "plugin.password",
        ),
    ]
    assert _problems({"type": "tcp", "plugin": 5}, decode_proxy)[0][1] == "plugin"


def test_ini_lets_more_through() -> None:
    rules = Rules(strict=False, legacy=True)
    proxy = decode_proxy({"name": "a", "type": "", "plugin": {"type": "odd"}}, rules)
    assert (type(proxy), proxy.type, proxy.plugin) == (TcpConfig, "", PluginConfig(type="odd"))
    assert _problems({"type": ""}, decode_proxy)[0][0] == "unknown proxy type: "


def test_one_visitor() -> None:
    assert decode_visitor({"type": "xtcp", "natTraversal": {}}).type == "xtcp"
    assert _problems({"type": "sudp", "protocol": "kcp"}, decode_visitor) == [
        ('unmarshal VisitorConfig error: json: unknown field "protocol"', "protocol")
    ]


def test_unused_tables_are_not_changed() -> None:
    tree = {"proxies": [{"type": "tcp", "plugin": {"type": "socks5"}}]}
    decode_client(tree)
    assert tree == {"proxies": [{"type": "tcp", "plugin": {"type": "socks5"}}]}

from __future__ import annotations

from aiofrp.config.load import hints
from aiofrp.config.models.client import ClientConfig, ClientTransport
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shape import shapes
from aiofrp.plugin.socks5 import Socks5PluginConfig
from aiofrp.proxy.stcp import StcpConfig, StcpVisitorConfig
from tests.config.batch import every


@every(
    [
        (ServerConfig, "bind_port", 'did you mean "bindPort"?'),
        (ServerConfig, "vhostHttpProt", 'did you mean "vhostHTTPPort"?'),
        (ClientConfig, "protocol", 'did you mean "transport.protocol"?'),
        (ClientConfig, "tls_enable", 'did you mean "transport.tls.enable"?'),
        (ClientTransport, "serverAddr", "belongs at the top of the file, above the first table"),
        (StcpConfig, "remotePort", "a field of type tcp, udp"),
        (StcpVisitorConfig, "protocol", "a field of type xtcp"),
        (Socks5PluginConfig, "zzz", "known here: type, username, password"),
        (ServerConfig, "zzzzz", ""),
    ]
)
def test_unknown_keys(model: type, key: str, hint: str) -> None:
    assert hints.unknown_key(model, key) == hint


def test_choices() -> None:
    assert hints.choice("TCP", ("tcp", "udp")) == 'did you mean "tcp"?'
    assert hints.choice("", ("tcp", "udp")) == "write one of: tcp, udp"


def test_types() -> None:
    forms = shapes(ClientConfig)
    assert hints.wrong_type(forms["start"], "a") == 'write a list in brackets, such as ["a", "b"]'
    assert hints.wrong_type(forms["server_port"], "7000") == "write a whole number, without quotes"
    assert hints.wrong_type(forms["login_fail_exit"], "x") == "write true or false, without quotes"
    assert hints.wrong_type(forms["user"], 5) == "write the text in quotes"
    assert hints.wrong_type(forms["user"], []) == "write one text in quotes"
    assert hints.wrong_type(forms["log"], 5) == "write a table of keys and values"

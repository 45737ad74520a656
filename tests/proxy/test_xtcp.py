"""The settings of xtcp; what its halves do is tested beside them."""

from __future__ import annotations

import pytest

from aiofrp.config.load.decode import decode_proxy, decode_visitor
from aiofrp.errors import ConfigError
from aiofrp.proxy.base import proxy_type
from aiofrp.proxy.direct.server import DirectServer
from aiofrp.proxy.xtcp import Xtcp, XtcpConfig, XtcpVisitorConfig

PROXY = {"name": "p", "type": "xtcp", "localPort": 22, "secretKey": "k"}
VISITOR = {"name": "v", "type": "xtcp", "serverName": "p", "secretKey": "k", "bindPort": 9000}


def test_frps_serves_it() -> None:
    assert proxy_type("xtcp") is Xtcp
    assert Xtcp.Server is DirectServer


def test_a_proxy() -> None:
    read = decode_proxy(PROXY | {"allowUsers": ["*"], "natTraversal": {"disableAssistedAddrs": True}})
    assert isinstance(read, XtcpConfig)
    assert (read.allow_users, read.secret_key.reveal()) == (("*",), "k")
    assert read.nat_traversal is not None
    assert read.nat_traversal.disable_assisted_addrs
    wire = read.wire_values()
    assert (wire["sk"], list(wire["allow_users"])) == ("k", ["*"])


def test_a_visitor_and_its_defaults() -> None:
    read = decode_visitor(VISITOR)
    assert isinstance(read, XtcpVisitorConfig)
    assert (read.protocol, read.keep_tunnel_open, read.max_retries_an_hour) == ("quic", False, 8)
    assert (read.min_retry_interval, read.fallback_to, read.fallback_timeout_ms) == (90, "", 1000)
    assert read.nat_traversal is None


def test_the_tunnel_is_quic_or_kcp() -> None:
    assert isinstance(decode_visitor(VISITOR | {"protocol": "kcp"}), XtcpVisitorConfig)
    with pytest.raises(ConfigError):
        decode_visitor(VISITOR | {"protokol": "kcp"})

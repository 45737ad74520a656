from __future__ import annotations

from aiofrp.config.models.client import ClientConfig, ClientTlsConfig
from aiofrp.config.models.server import PortsRange, ServerConfig
from aiofrp.config.models.shape import folded, holder, shapes
from aiofrp.config.models.types import Secret
from aiofrp.proxy.http import HttpConfig


def test_kinds() -> None:
    forms = shapes(ServerConfig)
    assert (forms["bind_port"].kind, forms["bind_port"].type, forms["bind_port"].want) == (
        "scalar",
        int,
        "int",
    )
    assert forms["user_conn_timeout"].want == "int64"
    assert (forms["log"].kind, forms["log"].want) == ("table", "v1.LogConfig")
    assert (forms["allow_ports"].kind, forms["allow_ports"].want) == ("list", "[]types.PortsRange")
    assert (forms["allow_ports"].element.type, forms["allow_ports"].element.want) == (
        PortsRange,
        "types.PortsRange",
    )


def test_optional_fields_and_maps() -> None:
    forms = shapes(HttpConfig)
    assert (forms["enabled"].type, forms["plugin"].kind) == (bool, "table")
    assert (forms["metadatas"].kind, forms["metadatas"].element.type) == ("map", str)
    assert forms["http_password"].type is Secret


def test_embedded_types() -> None:
    assert holder(ClientTlsConfig, "cert_file") == "TLSConfig"
    assert holder(ClientTlsConfig, "enable") == ""
    assert holder(ClientConfig, "user") == "ClientCommonConfig"
    assert holder(ClientConfig, "proxies") == ""
    assert holder(HttpConfig, "local_port") == "ProxyBaseConfig.ProxyBackend"


def test_keys_without_case() -> None:
    assert folded(ServerConfig)["vhosthttpport"].name == "vhost_http_port"

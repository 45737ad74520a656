"""tcpmux: host names on one port of the server, chosen by the user's HTTP CONNECT."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.model import field
from aiofrp.config.proxy import DomainConfig, ProxyConfig
from aiofrp.config.types import Secret, Str
from aiofrp.proxy.base import ProxyType


class TcpMuxConfig(DomainConfig, ProxyConfig):
    """A tcpmux proxy."""

    reference_name: ClassVar[str] = "TCPMuxProxyConfig"

    type: Str = field("tcpmux", alias="type", help="Kind of the proxy: `tcpmux`.", zero=True)
    http_user: Str = field(
        "", alias="httpUser", help="User name for proxy authentication.", wire="http_user", flag="http-user"
    )
    http_password: Secret = field(
        Secret(),
        alias="httpPassword",
        help="Password for proxy authentication.",
        wire="http_pwd",
        flag="http-pwd",
    )
    route_by_http_user: Str = field(
        "",
        alias="routeByHTTPUser",
        help="Only requests with this authentication user lead to the proxy.",
        wire="route_by_http_user",
    )
    multiplexer: Str = field(
        "",
        alias="multiplexer",
        help="How users say which host they want; there is only `httpconnect`.",
        wire="multiplexer",
        flag="mux",
        choices=("httpconnect",),
    )


class TcpMux(ProxyType):
    """The proxy type ``tcpmux``."""

    name = "tcpmux"
    Config = TcpMuxConfig

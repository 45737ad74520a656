"""http: host names on the server's HTTP port that lead to a local web service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.model import field
from aiofrp.config.proxy import DomainConfig, ProxyConfig
from aiofrp.config.shared import HeaderOperations
from aiofrp.config.types import Secret, Str, StrList
from aiofrp.proxy.base import ProxyType


class HttpConfig(DomainConfig, ProxyConfig):
    """An http proxy."""

    reference_name: ClassVar[str] = "HTTPProxyConfig"

    type: Str = field("http", alias="type", help="Kind of the proxy: `http`.", zero=True)
    locations: StrList = field(
        (),
        alias="locations",
        help="Path prefixes that lead to the proxy; empty is all paths.",
        wire="locations",
        flag="locations",
    )
    http_user: Str = field(
        "",
        alias="httpUser",
        help="User name for HTTP basic authentication.",
        wire="http_user",
        flag="http-user",
    )
    http_password: Secret = field(
        Secret(),
        alias="httpPassword",
        help="Password for HTTP basic authentication.",
        wire="http_pwd",
        flag="http-pwd",
    )
    host_header_rewrite: Str = field(
        "",
        alias="hostHeaderRewrite",
        help="Host header the local service sees instead of the user's.",
        wire="host_header_rewrite",
        flag="host-header-rewrite",
    )
    request_headers: HeaderOperations = field(
        alias="requestHeaders", help="Changes to request headers.", factory=HeaderOperations, wire="headers"
    )
    response_headers: HeaderOperations = field(
        alias="responseHeaders",
        help="Changes to response headers.",
        factory=HeaderOperations,
        wire="response_headers",
    )
    route_by_http_user: Str = field(
        "",
        alias="routeByHTTPUser",
        help="Only requests with this basic-authentication user lead to the proxy.",
        wire="route_by_http_user",
    )


class Http(ProxyType):
    """The proxy type ``http``."""

    name = "http"
    Config = HttpConfig

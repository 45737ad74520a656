"""https: host names on the server's HTTPS port that lead to a local TLS service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.model import field
from aiofrp.config.proxy import DomainConfig, ProxyConfig
from aiofrp.config.types import Str
from aiofrp.proxy.base import ProxyType


class HttpsConfig(DomainConfig, ProxyConfig):
    """An https proxy."""

    reference_name: ClassVar[str] = "HTTPSProxyConfig"

    type: Str = field("https", alias="type", help="Kind of the proxy: `https`.", zero=True)


class Https(ProxyType):
    """The proxy type ``https``."""

    name = "https"
    Config = HttpsConfig

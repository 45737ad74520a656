"""stcp: a local TCP service that only visitors with the secret key reach, through the server."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.model import field
from aiofrp.config.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.types import Secret, Str, StrList
from aiofrp.proxy.base import ProxyType


class StcpConfig(ProxyConfig):
    """A stcp proxy."""

    reference_name: ClassVar[str] = "STCPProxyConfig"

    type: Str = field("stcp", alias="type", help="Kind of the proxy: `stcp`.", zero=True)
    secret_key: Secret = field(
        Secret(), alias="secretKey", help="Secret key visitors must show.", wire="sk", flag="sk"
    )
    allow_users: StrList = field(
        (),
        alias="allowUsers",
        help="Users whose visitors may enter; empty is the own user, `*` everybody.",
        wire="allow_users",
        flag="allow-users",
    )


class StcpVisitorConfig(VisitorConfig):
    """A visitor of a stcp proxy."""

    reference_name: ClassVar[str] = "STCPVisitorConfig"

    type: Str = field("stcp", alias="type", help="Kind of the visitor: `stcp`.", zero=True)


class Stcp(ProxyType):
    """The proxy type ``stcp``."""

    name = "stcp"
    Config = StcpConfig
    VisitorConfig = StcpVisitorConfig

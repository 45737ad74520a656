"""sudp: a local UDP service that only visitors with the secret key reach, through the server."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.model import field
from aiofrp.config.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.types import Secret, Str, StrList
from aiofrp.proxy.base import ProxyType


class SudpConfig(ProxyConfig):
    """A sudp proxy."""

    reference_name: ClassVar[str] = "SUDPProxyConfig"

    type: Str = field("sudp", alias="type", help="Kind of the proxy: `sudp`.", zero=True)
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


class SudpVisitorConfig(VisitorConfig):
    """A visitor of a sudp proxy."""

    reference_name: ClassVar[str] = "SUDPVisitorConfig"

    type: Str = field("sudp", alias="type", help="Kind of the visitor: `sudp`.", zero=True)


class Sudp(ProxyType):
    """The proxy type ``sudp``."""

    name = "sudp"
    Config = SudpConfig
    VisitorConfig = SudpVisitorConfig

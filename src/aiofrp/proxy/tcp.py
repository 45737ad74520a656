"""tcp: a port of the server that leads to a local TCP service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.model import field
from aiofrp.config.proxy import ProxyConfig
from aiofrp.config.types import Int, Str
from aiofrp.proxy.base import ProxyType


class TcpConfig(ProxyConfig):
    """A tcp proxy."""

    reference_name: ClassVar[str] = "TCPProxyConfig"

    type: Str = field("tcp", alias="type", help="Kind of the proxy: `tcp`.", zero=True)
    remote_port: Int = field(
        0,
        alias="remotePort",
        help="TCP port of the server; 0 lets the server choose.",
        wire="remote_port",
        flag="remote-port",
        short="r",
    )


class Tcp(ProxyType):
    """The proxy type ``tcp``."""

    name = "tcp"
    Config = TcpConfig

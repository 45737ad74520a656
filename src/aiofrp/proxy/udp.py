"""udp: a UDP port of the server that leads to a local UDP service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.model import field
from aiofrp.config.proxy import ProxyConfig
from aiofrp.config.types import Int, Str
from aiofrp.proxy.base import ProxyType


class UdpConfig(ProxyConfig):
    """A udp proxy."""

    reference_name: ClassVar[str] = "UDPProxyConfig"

    type: Str = field("udp", alias="type", help="Kind of the proxy: `udp`.", zero=True)
    remote_port: Int = field(
        0,
        alias="remotePort",
        help="UDP port of the server; 0 lets the server choose.",
        wire="remote_port",
        flag="remote-port",
        short="r",
    )


class Udp(ProxyType):
    """The proxy type ``udp``."""

    name = "udp"
    Config = UdpConfig

"""virtual_net: a virtual network, in place of a local service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig, VisitorPluginConfig
from aiofrp.config.models.types import Str
from aiofrp.plugin.base import ClientPlugin, VisitorPlugin


class VirtualNetPluginConfig(PluginConfig):
    """The options of the client plugin ``virtual_net``."""

    reference_name: ClassVar[str] = "VirtualNetPluginOptions"

    type: Str = field("virtual_net", alias="type", help="Kind of the plugin: `virtual_net`.")


class VirtualNetVisitorPluginConfig(VisitorPluginConfig):
    """The options of the visitor plugin ``virtual_net``."""

    reference_name: ClassVar[str] = "VirtualNetVisitorPluginOptions"

    type: Str = field("virtual_net", alias="type", help="Kind of the plugin: `virtual_net`.")
    destination_ip: Str = field(
        "", alias="destinationIP", help="Address in the virtual network that leads to the proxy."
    )


class VirtualNet(ClientPlugin):
    """The client plugin ``virtual_net``."""

    name = "virtual_net"
    Config = VirtualNetPluginConfig


class VirtualNetVisitor(VisitorPlugin):
    """The visitor plugin ``virtual_net``."""

    name = "virtual_net"
    Config = VirtualNetVisitorPluginConfig

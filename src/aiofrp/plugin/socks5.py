"""socks5: a SOCKS5 server, in place of a local service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig
from aiofrp.config.models.types import Secret, Str
from aiofrp.plugin.base import ClientPlugin


class Socks5PluginConfig(PluginConfig):
    """The options of the client plugin ``socks5``."""

    reference_name: ClassVar[str] = "Socks5PluginOptions"

    type: Str = field("socks5", alias="type", help="Kind of the plugin: `socks5`.")
    username: Str = field("", alias="username", help="User name users must give.")
    password: Secret = field(Secret(), alias="password", help="Password users must give.")


class Socks5(ClientPlugin):
    """The client plugin ``socks5``."""

    name = "socks5"
    Config = Socks5PluginConfig

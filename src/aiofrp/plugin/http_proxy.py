"""http_proxy: an HTTP proxy server, in place of a local service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig
from aiofrp.config.models.types import Secret, Str
from aiofrp.plugin.base import ClientPlugin


class HttpProxyPluginConfig(PluginConfig):
    """The options of the client plugin ``http_proxy``."""

    reference_name: ClassVar[str] = "HTTPProxyPluginOptions"

    type: Str = field("http_proxy", alias="type", help="Kind of the plugin: `http_proxy`.")
    http_user: Str = field("", alias="httpUser", help="User name for HTTP basic authentication.")
    http_password: Secret = field(
        Secret(), alias="httpPassword", help="Password for HTTP basic authentication."
    )


class HttpProxy(ClientPlugin):
    """The client plugin ``http_proxy``."""

    name = "http_proxy"
    Config = HttpProxyPluginConfig

"""http2http: a local HTTP service whose requests are changed."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig
from aiofrp.config.models.shared import HeaderOperations
from aiofrp.config.models.types import Str
from aiofrp.plugin.base import ClientPlugin
from aiofrp.plugin.common.reverseproxy import Forwarded, ReverseProxy


class Http2HttpPluginConfig(PluginConfig):
    """The options of the client plugin ``http2http``."""

    reference_name: ClassVar[str] = "HTTP2HTTPPluginOptions"

    type: Str = field("http2http", alias="type", help="Kind of the plugin: `http2http`.")
    local_addr: Str = field("", alias="localAddr", help="Address of the local service as `host:port`.")
    host_header_rewrite: Str = field(
        "", alias="hostHeaderRewrite", help="Host header the local service sees instead of the user's."
    )
    request_headers: HeaderOperations = field(
        alias="requestHeaders", help="Changes to request headers.", factory=HeaderOperations
    )


class Http2HttpService(ReverseProxy):
    """Sends the requests of users to ``localAddr``, in plain text."""

    secure = False
    forwarded = Forwarded.DROPPED


class Http2Http(ClientPlugin):
    """The client plugin ``http2http``."""

    name = "http2http"
    Config = Http2HttpPluginConfig
    Client = Http2HttpService

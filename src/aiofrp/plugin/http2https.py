"""http2https: a local HTTPS service, made public as HTTP."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig
from aiofrp.config.models.shared import HeaderOperations
from aiofrp.config.models.types import Str
from aiofrp.plugin.base import ClientPlugin
from aiofrp.plugin.common.reverseproxy import Forwarded, ReverseProxy


class Http2HttpsPluginConfig(PluginConfig):
    """The options of the client plugin ``http2https``."""

    reference_name: ClassVar[str] = "HTTP2HTTPSPluginOptions"

    required: ClassVar[tuple[str, ...]] = ("local_addr",)

    type: Str = field("http2https", alias="type", help="Kind of the plugin: `http2https`.")
    local_addr: Str = field("", alias="localAddr", help="Address of the local service as `host:port`.")
    host_header_rewrite: Str = field(
        "", alias="hostHeaderRewrite", help="Host header the local service sees instead of the user's."
    )
    request_headers: HeaderOperations = field(
        alias="requestHeaders", help="Changes to request headers.", factory=HeaderOperations
    )


class Http2HttpsService(ReverseProxy):
    """Sends the requests of users to ``localAddr``, in TLS; its certificate is not verified."""

    secure = True
    forwarded = Forwarded.PASSED


class Http2Https(ClientPlugin):
    """The client plugin ``http2https``."""

    name = "http2https"
    Config = Http2HttpsPluginConfig
    Client = Http2HttpsService

"""https2https: a local HTTPS service, made public under another certificate."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig
from aiofrp.config.models.shared import HeaderOperations
from aiofrp.config.models.types import Bool, Str
from aiofrp.plugin.base import ClientPlugin
from aiofrp.plugin.common.tlsproxy import TlsReverseProxy


class Https2HttpsPluginConfig(PluginConfig):
    """The options of the client plugin ``https2https``."""

    reference_name: ClassVar[str] = "HTTPS2HTTPSPluginOptions"

    required: ClassVar[tuple[str, ...]] = ("local_addr",)

    type: Str = field("https2https", alias="type", help="Kind of the plugin: `https2https`.")
    local_addr: Str = field("", alias="localAddr", help="Address of the local service as `host:port`.")
    host_header_rewrite: Str = field(
        "", alias="hostHeaderRewrite", help="Host header the local service sees instead of the user's."
    )
    request_headers: HeaderOperations = field(
        alias="requestHeaders", help="Changes to request headers.", factory=HeaderOperations
    )
    enable_http2: Bool = field(True, alias="enableHTTP2", help="Offer HTTP/2 to users.")
    crt_path: Str = field(
        "", alias="crtPath", help="Path of the PEM certificate shown to users; self-signed if empty."
    )
    key_path: Str = field("", alias="keyPath", help="Path of the PEM key of `crtPath`.")


class Https2HttpsService(TlsReverseProxy):
    """Sends the requests of users to ``localAddr``, in TLS; its certificate is not verified."""

    secure = True


class Https2Https(ClientPlugin):
    """The client plugin ``https2https``."""

    name = "https2https"
    Config = Https2HttpsPluginConfig
    Client = Https2HttpsService

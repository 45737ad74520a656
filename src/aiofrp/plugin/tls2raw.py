"""tls2raw: a local TCP service, made public under TLS."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig
from aiofrp.config.models.types import Str
from aiofrp.plugin.base import ClientPlugin


class Tls2RawPluginConfig(PluginConfig):
    """The options of the client plugin ``tls2raw``."""

    reference_name: ClassVar[str] = "TLS2RawPluginOptions"

    required: ClassVar[tuple[str, ...]] = ("local_addr",)

    type: Str = field("tls2raw", alias="type", help="Kind of the plugin: `tls2raw`.")
    local_addr: Str = field("", alias="localAddr", help="Address of the local service as `host:port`.")
    crt_path: Str = field(
        "", alias="crtPath", help="Path of the PEM certificate shown to users; self-signed if empty."
    )
    key_path: Str = field("", alias="keyPath", help="Path of the PEM key of `crtPath`.")


class Tls2Raw(ClientPlugin):
    """The client plugin ``tls2raw``."""

    name = "tls2raw"
    Config = Tls2RawPluginConfig

"""static_file: a web server for a directory, in place of a local service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig
from aiofrp.config.models.types import Secret, Str
from aiofrp.plugin.base import ClientPlugin


class StaticFilePluginConfig(PluginConfig):
    """The options of the client plugin ``static_file``."""

    reference_name: ClassVar[str] = "StaticFilePluginOptions"

    required: ClassVar[tuple[str, ...]] = ("local_path",)

    type: Str = field("static_file", alias="type", help="Kind of the plugin: `static_file`.")
    local_path: Str = field("", alias="localPath", help="Directory that is served.")
    strip_prefix: Str = field("", alias="stripPrefix", help="Prefix taken off the path of requests.")
    http_user: Str = field("", alias="httpUser", help="User name for HTTP basic authentication.")
    http_password: Secret = field(
        Secret(), alias="httpPassword", help="Password for HTTP basic authentication."
    )


class StaticFile(ClientPlugin):
    """The client plugin ``static_file``."""

    name = "static_file"
    Config = StaticFilePluginConfig

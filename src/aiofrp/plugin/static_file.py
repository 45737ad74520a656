"""static_file: a web server for a directory, in place of a local service (docs/protocol/client.md §4)."""

from __future__ import annotations

from typing import ClassVar, cast

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig
from aiofrp.config.models.types import Secret, Str
from aiofrp.errors import ConfigError
from aiofrp.host.contexts import ClientContext
from aiofrp.plugin.base import ClientPlugin
from aiofrp.plugin.common.webhalf import WebHalf
from aiofrp.plugin.files.confined import POSSIBLE
from aiofrp.plugin.files.site import FileSite


class StaticFilePluginConfig(PluginConfig):
    """The options of the client plugin ``static_file``."""

    reference_name: ClassVar[str] = "StaticFilePluginOptions"

    required: ClassVar[tuple[str, ...]] = ("local_path",)

    type: Str = field("static_file", alias="type", help="Kind of the plugin: `static_file`.")
    local_path: Str = field("", alias="localPath", help="Directory that is served.")
    strip_prefix: Str = field("", alias="stripPrefix", help="Prefix removed from the path of requests.")
    http_user: Str = field("", alias="httpUser", help="User name for HTTP basic authentication.")
    http_password: Secret = field(
        Secret(), alias="httpPassword", help="Password for HTTP basic authentication."
    )


class FileService(WebHalf):
    """Serves each work connection as a user of a :class:`~aiofrp.plugin.files.site.FileSite`."""

    def __init__(self, context: ClientContext, proxy: ProxyConfig) -> None:
        if not POSSIBLE:
            raise ConfigError(
                "plugin static_file: this system cannot keep links from leading out of localPath"
            )
        options = cast(StaticFilePluginConfig, proxy.plugin)
        site = FileSite(
            context.log, options.local_path, options.strip_prefix, options.http_user, options.http_password
        )
        super().__init__(context, proxy, site)


class StaticFile(ClientPlugin):
    """The client plugin ``static_file``."""

    name = "static_file"
    Config = StaticFilePluginConfig
    Client = FileService

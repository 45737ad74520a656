"""static_file: a web server for a directory, in place of a local service (docs/protocol/client.md §4)."""

from __future__ import annotations

from typing import ClassVar, cast

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig
from aiofrp.config.models.types import Secret, Str
from aiofrp.errors import ConfigError
from aiofrp.host.contexts import ClientContext, ClientHalf
from aiofrp.host.relay import client_side
from aiofrp.http.serve import Engine
from aiofrp.plugin.base import ClientPlugin
from aiofrp.plugin.files.confined import POSSIBLE
from aiofrp.plugin.files.site import FileSite
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.messages import StartWorkConn


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


class FileService(ClientHalf):
    """Serves each work connection as a user of the HTTP engine."""

    def __init__(self, context: ClientContext, proxy: ProxyConfig) -> None:
        if not POSSIBLE:
            raise ConfigError(
                "plugin static_file: this system cannot keep links from leading out of localPath"
            )
        options = cast(StaticFilePluginConfig, proxy.plugin)
        self._context = context
        self._transport = proxy.transport
        self._site = FileSite(
            context.log, options.local_path, options.strip_prefix, options.http_user, options.http_password
        )
        self._engine = Engine(self._site)

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        work = client_side(stream, self._transport, self._context)
        self._engine.accept(work, (start.src_addr, start.src_port))

    async def close(self) -> None:
        self._engine.close()
        self._site.close()


class StaticFile(ClientPlugin):
    """The client plugin ``static_file``."""

    name = "static_file"
    Config = StaticFilePluginConfig
    Client = FileService

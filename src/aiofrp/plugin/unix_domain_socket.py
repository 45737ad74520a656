"""unix_domain_socket: a local service that listens on a Unix domain socket (docs/protocol/client.md §4)."""

from __future__ import annotations

from typing import ClassVar, cast

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig
from aiofrp.config.models.types import Str
from aiofrp.host.contexts import ClientContext
from aiofrp.host.service import DIAL_TIMEOUT, ReachedService
from aiofrp.plugin.base import ClientPlugin
from aiofrp.stream.base import Stream
from aiofrp.transport.net import dial_unix


class UnixDomainSocketPluginConfig(PluginConfig):
    """The options of the client plugin ``unix_domain_socket``."""

    reference_name: ClassVar[str] = "UnixDomainSocketPluginOptions"

    required: ClassVar[tuple[str, ...]] = ("unix_path",)

    type: Str = field("unix_domain_socket", alias="type", help="Kind of the plugin: `unix_domain_socket`.")
    unix_path: Str = field(
        "", alias="unixPath", help="Path of the socket; a leading `@` names an abstract socket."
    )


class UnixService(ReachedService):
    """Joins each work connection to the socket at ``unixPath``."""

    def __init__(self, context: ClientContext, proxy: ProxyConfig) -> None:
        super().__init__(context, proxy.transport)
        self._path = cast(UnixDomainSocketPluginConfig, proxy.plugin).unix_path

    async def connect(self) -> Stream:
        return await dial_unix(self._path, timeout=DIAL_TIMEOUT)

    def explain(self, error: Exception) -> str:
        return f"dial to uds {self._path} error: {error}"


class UnixDomainSocket(ClientPlugin):
    """The client plugin ``unix_domain_socket``."""

    name = "unix_domain_socket"
    Config = UnixDomainSocketPluginConfig
    Client = UnixService

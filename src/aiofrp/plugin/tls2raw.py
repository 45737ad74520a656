"""tls2raw: a local TCP service, made public under TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, cast

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig
from aiofrp.config.models.types import Str
from aiofrp.errors import ConfigError
from aiofrp.host.contexts import ClientContext
from aiofrp.host.relay import client_side
from aiofrp.host.service import DIAL_TIMEOUT, ReachedService
from aiofrp.plugin.base import ClientPlugin
from aiofrp.plugin.common.tlsfront import TlsFront
from aiofrp.stream.base import Stream
from aiofrp.transport.net import dial, dial_here
from aiofrp.transport.resolve import split_address
from aiofrp.wire.frp.messages import StartWorkConn


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


class UnwrappedService(ReachedService):
    """Ends the TLS of each user, then joins him to ``localAddr``."""

    def __init__(self, context: ClientContext, proxy: ProxyConfig) -> None:
        super().__init__(context, proxy.transport)
        options = cast(Tls2RawPluginConfig, proxy.plugin)
        self._address = _address(options.local_addr)
        self._front = TlsFront(context, options)

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        work = client_side(stream, self._transport, self._context)
        self._front.accept(work, lambda user: self.join(user, start))

    async def connect(self) -> Stream:
        return await dial(*self._address, timeout=DIAL_TIMEOUT, for_user=True)

    def connect_here(self, ready: Callable[[Stream], object], failed: Callable[[Exception], object]) -> bool:
        return dial_here(*self._address, ready, failed)

    def explain(self, error: Exception) -> str:
        return f"dial to local addr error: {error}"


def _address(text: str) -> tuple[str, int]:
    """Host and port of ``localAddr``; without a host it is this machine. Raises
    :class:`~aiofrp.errors.ConfigError`."""
    try:
        host, port = split_address(text, 0)
    except ValueError:
        port = 0
    if not port:
        raise ConfigError(f"localAddr: [{text}] is not an address of the form host:port")
    return host or "localhost", port


class Tls2Raw(ClientPlugin):
    """The client plugin ``tls2raw``."""

    name = "tls2raw"
    Config = Tls2RawPluginConfig
    Client = UnwrappedService

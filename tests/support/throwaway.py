"""A proxy type, a plugin, transports and a hook that only a test registers: what a new one takes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import msgspec

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig
from aiofrp.config.models.types import Int, Str
from aiofrp.errors import AuthError
from aiofrp.host.contexts import ClientContext, ClientHalf
from aiofrp.host.relay import client_side
from aiofrp.plugin.base import ClientPlugin
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.tcp import TcpServer
from aiofrp.server.hooks import ClientInfo, NoHooks, Op
from aiofrp.stream.base import Buffer, NullReceiver, Stream
from aiofrp.transport.base import Carriers, DialOptions, Listener, ListenOptions, Session, Transport
from aiofrp.transport.net import dial, listen
from aiofrp.transport.session import Securer, session_over
from aiofrp.wire.frp.messages import Login, NewProxy, StartWorkConn


class MirrorConfig(ProxyConfig):
    """A mirror proxy."""

    reference_name: ClassVar[str] = "MirrorProxyConfig"

    type: Str = field("mirror", alias="type", help="Kind of the proxy: `mirror`.", zero=True)
    remote_port: Int = field(
        0, alias="remotePort", help="Port of the mirror.", wire="remote_port", flag="remote-port", short="r"
    )


class ShoutPluginConfig(PluginConfig):
    """The options of the plugin ``shout``."""

    reference_name: ClassVar[str] = "ShoutPluginOptions"

    required: ClassVar[tuple[str, ...]] = ("mark",)

    type: Str = field("shout", alias="type", help="Kind of the plugin: `shout`.")
    mark: Str = field("", alias="mark", help="What is put after each answer.")


class Answering(ClientHalf):
    """Answers a user with what he sent, changed by :meth:`change`, once he has finished."""

    def __init__(self, context: ClientContext, config: ProxyConfig) -> None:
        self._context = context
        self._config = config

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        _Answer(client_side(stream, self._config.transport, self._context), self)

    def change(self, data: bytes) -> bytes:
        """A mirror's answer."""
        return data[::-1]


class Shouting(Answering):
    """The same in capitals, with the configured mark."""

    def change(self, data: bytes) -> bytes:
        plugin = self._config.plugin
        assert isinstance(plugin, ShoutPluginConfig)
        return data.upper() + plugin.mark.encode()


class _Answer(NullReceiver):
    def __init__(self, stream: Stream, half: Answering) -> None:
        self._stream = stream
        self._half = half
        self._data = b""
        stream.attach(self)

    def data_received(self, data: Buffer, /) -> None:
        self._data += bytes(data)

    def eof_received(self) -> None:
        self._stream.write(self._half.change(self._data))
        self._stream.close()


class Mirror(ProxyType):
    """The proxy type ``mirror``."""

    name = "mirror"
    Config = MirrorConfig
    place = Place.PORT
    Server = TcpServer
    Client = Answering


class Shout(ClientPlugin):
    """The plugin ``shout``."""

    name = "shout"
    Config = ShoutPluginConfig
    Client = Shouting


class Knock(Transport):
    """The transport ``knock``: TCP on bindPort, with :attr:`first_bytes` before anything else."""

    first_bytes = b"KNOCK!"

    async def connect(self, options: DialOptions) -> Session:
        secure = Securer(options)

        async def carrier() -> Stream:
            stream = await dial(options.host, options.port, timeout=options.timeout)
            stream.write(self.first_bytes)
            return await secure(stream)

        return await session_over(carrier, options)

    def unwrap(
        self, stream: Stream, early: bytes, done: Callable[[Stream], None], gone: Callable[[], None]
    ) -> None:
        stream.unread(early[len(self.first_bytes) :])
        done(stream)


class Aside(Transport):
    """The transport ``aside``: TCP on a port of its own, each connection a logical connection in the clear."""

    bind_port = "kcp_bind_port"
    listen_log = "frps stands aside on {where}"
    listen_error = "no place aside at {where}: {error}"

    async def connect(self, options: DialOptions) -> Session:
        async def carrier() -> Stream:
            return await dial(options.host, options.port, timeout=options.timeout)

        return await session_over(carrier, options)

    async def listen(self, options: ListenOptions, carriers: Carriers) -> Listener:
        return await listen(options.host, options.port, carriers.carrier)


class Usher(NoHooks):
    """The hook that lets no user called ``nobody`` log in, and gives every proxy the port :attr:`given`."""

    asked = frozenset({Op.LOGIN, Op.NEW_PROXY})

    def __init__(self, given: int) -> None:
        self.given = given

    async def login(self, message: Login, address: str) -> Login:
        if message.user == "nobody":
            raise AuthError("nobody is not let in")
        return message

    async def new_proxy(self, message: NewProxy, client: ClientInfo) -> NewProxy:
        return msgspec.structs.replace(message, remote_port=self.given)

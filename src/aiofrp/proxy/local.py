"""The local service behind a TCP-like proxy: frpc's half of every user connection."""

from __future__ import annotations

from typing import Protocol

from aiofrp.config.models.proxy import ProxyTransport
from aiofrp.errors import ConnectFailed, LocalProtocolError
from aiofrp.host.contexts import ClientContext, ClientHalf
from aiofrp.host.relay import client_side
from aiofrp.stream.base import Stream
from aiofrp.stream.splice import Splice
from aiofrp.transport.net import dial, join_host_port
from aiofrp.wire.frp.messages import StartWorkConn
from aiofrp.wire.frp.proxyproto import connection_header

#: Seconds to reach the local service (docs/protocol/client.md §3).
DIAL_TIMEOUT = 10.0


class LocalConfig(Protocol):
    """The settings of a proxy that forwards to a local address."""

    @property
    def local_ip(self) -> str: ...
    @property
    def local_port(self) -> int: ...
    @property
    def transport(self) -> ProxyTransport: ...


class LocalService(ClientHalf):
    """Joins each work connection to ``localIP:localPort``."""

    def __init__(self, context: ClientContext, config: LocalConfig) -> None:
        self._context = context
        self._config = config

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        self._context.spawn(self._serve(stream, start), "connect")

    async def _serve(self, stream: Stream, start: StartWorkConn) -> None:
        config = self._config
        work = client_side(stream, config.transport, self._context)
        try:
            header = connection_header(config.transport.proxy_protocol_version, start)
            local = await dial(config.local_ip, config.local_port, timeout=DIAL_TIMEOUT, for_user=True)
        except (ConnectFailed, LocalProtocolError) as exc:
            where = join_host_port(config.local_ip, config.local_port)
            self._context.log.seldom.error("connect to local service [%s] error: %s", where, exc)
            stream.close()
            return
        except BaseException:
            stream.abort()
            raise
        if header:
            local.write(header)
        splice = Splice(work, local, self._context.connections.closed)
        self._context.connections.opened(splice)
        splice.start()

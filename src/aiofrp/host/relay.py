"""User connections of every TCP-like proxy: from accept to splice, and the layers of a work connection.

With a pooled work connection the whole path on frps is one callback and no task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aiofrp.config.models.types import Bandwidth
from aiofrp.errors import FrpError
from aiofrp.host.contexts import ProxyContext, ServerContext
from aiofrp.host.route import DIRECT, Origin
from aiofrp.stream.base import Stream
from aiofrp.stream.splice import Splice
from aiofrp.stream.throttle import Limit
from aiofrp.stream.transform import through
from aiofrp.wire.addresses import address_of, host_port_text
from aiofrp.wire.frp.messages import StartWorkConn
from aiofrp.wire.transforms.base import Transform


class LayerFlags(Protocol):
    """Who decides the layers: a NewProxy message, a proxy's or a visitor's configuration."""

    @property
    def use_encryption(self) -> bool:
        """Whether the bytes are encrypted with AES-128-CFB."""

    @property
    def use_compression(self) -> bool:
        """Whether the bytes are compressed with snappy, before they are encrypted."""


def layered(stream: Stream, flags: LayerFlags, key: bytes) -> Stream:
    """A work or visitor connection seen through its layers: encryption at the wire, compression inside it
    (docs/protocol/wire.md §8). The stream itself when neither is on."""
    transforms: list[Transform] = []
    if flags.use_encryption:
        from aiofrp.wire.transforms.aescfb import AesCfb

        transforms.append(AesCfb(key))
    if flags.use_compression:
        from aiofrp.wire.transforms.snappy import Snappy

        transforms.append(Snappy())
    return through(stream, transforms)


def server_side(work: Stream, context: ServerContext) -> Stream:
    """A work connection as frps uses it: a limit kept here counts plain bytes
    (docs/protocol/server.md §4.3)."""
    plain = layered(work, context.message, context.key)
    return plain if context.limit is None else context.limit.throttle(plain)


def client_side(work: Stream, flags: LayerFlags, context: ProxyContext) -> Stream:
    """A work connection as frpc uses it: a limit kept here counts bytes on the wire
    (docs/protocol/client.md §3)."""
    wire = work if context.limit is None else context.limit.throttle(work)
    return layered(wire, flags, context.key)


def limit_of(bandwidth: Bandwidth, kept: bool) -> Limit | None:
    """The limit of a proxy's connections, if it has one and it is ``kept`` on this side."""
    return Limit(bandwidth.bytes) if kept and bandwidth.bytes > 0 else None


class UserConnections:
    """Joins users of one proxy to work connections and counts them."""

    __slots__ = ("_context",)

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def accept(
        self,
        stream: Stream,
        early: bytes = b"",
        info: Origin = DIRECT,
        through_work: Sequence[Transform] = (),
    ) -> None:
        """Serve the user of ``stream``; see :meth:`aiofrp.host.route.Route.accept`.

        ``through_work``: changes to what comes from the work connection, inside its own layers.
        """
        context = self._context
        src, dst = address_of(stream.info("peername")), address_of(stream.info("sockname"))
        context.user_log.info("get a user connection [%s]", host_port_text(src))
        start = StartWorkConn(
            proxy_name=context.message.proxy_name,
            src_addr=src[0],
            src_port=src[1],
            dst_addr=dst[0],
            dst_port=dst[1],
            max_message=info.max_message,
        )

        def ready(work: Stream) -> None:
            plain = through(server_side(work, context), through_work)
            splice = Splice(stream, plain, context.traffic.closed, source=src)
            context.traffic.opened(splice)
            splice.start(early)

        def failed(error: FrpError) -> None:
            context.log.warning("user connection [%s] is closed: %s", host_port_text(src), error)
            stream.close()

        context.admit(src, lambda: context.take_work_connection(start, ready, failed), failed)

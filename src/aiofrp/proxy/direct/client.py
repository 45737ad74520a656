"""frpc's half of an xtcp proxy: it meets visitors, and serves the streams of their tunnels as it serves work
connections (docs/protocol/nat.md §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from aiofrp.aio import Scope
from aiofrp.errors import Closed, FrpError, RemoteProtocolError, TimedOut
from aiofrp.host.contexts import ClientContext, ClientHalf, MakeClient
from aiofrp.host.messages import Messages
from aiofrp.logs import Log
from aiofrp.nat.punch.driver import Hole
from aiofrp.nat.tunnel import DirectTunnel, accept_tunnel
from aiofrp.proxy.direct.exchange import PunchConfig, Punching, ask
from aiofrp.proxy.direct.firstbyte import FirstByte
from aiofrp.stream.base import Stream
from aiofrp.stream.reader import Reader
from aiofrp.stream.splice import Splices
from aiofrp.stream.throttle import Limit
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import NatHoleClient, NatHoleReport, NatHoleSid, StartWorkConn
from aiofrp.wire.nathole.sid import new_id

if TYPE_CHECKING:
    from aiofrp.vnet.network import Network

#: Attempts of one proxy at one time; each may have 257 sockets.
MAX_ATTEMPTS = 8
#: Tunnels of one proxy.
MAX_TUNNELS = 256
#: Seconds for the message on the work connection, and for the server's answer (docs/protocol/nat.md §3).
READ_TIMEOUT, ANSWER_TIMEOUT = 10.0, 5.0


class DirectConfig(PunchConfig, Protocol):
    """The settings of an xtcp proxy that its half uses."""

    @property
    def name(self) -> str:
        """The name of the proxy."""


class DirectClient(ClientHalf):
    """Meets the visitors of one proxy during one session with the server."""

    def __init__(self, context: ClientContext, config: DirectConfig, service: MakeClient) -> None:
        self._context = context
        self._tunnels = context.lasting(Tunnels, lambda: Tunnels(context, config, service))
        self._punching = Punching(context.direct, config, context.log)
        self._scope = Scope(f"{config.name}/punch")
        self._attempts = 0  # limited by MAX_ATTEMPTS

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        if self._attempts >= MAX_ATTEMPTS or len(self._tunnels) >= MAX_TUNNELS:
            self._context.log.seldom.warning(
                "a visitor is left waiting: %d attempts to meet one run, and %d tunnels are open",
                self._attempts,
                len(self._tunnels),
            )
            stream.close()
            return
        task = self._scope.spawn(self._serve(stream, start), "attempt")
        if task is None:
            stream.close()
            return
        self._attempts += 1
        task.add_done_callback(lambda _: self._ended(stream))

    async def close(self) -> None:
        await self._scope.close()

    def _ended(self, stream: Stream) -> None:
        self._attempts -= 1
        stream.close()

    async def _serve(self, stream: Stream, start: StartWorkConn) -> None:
        log = self._context.log
        try:
            sid = await _read_sid(stream, self._context.codec)
        except FrpError as exc:
            log.seldom.error("xtcp read from workConn error: %s", exc)
            return
        finally:
            stream.close()
        try:
            hole, protocol = await self._meet(sid, start.proxy_name)
            await self._tunnels.accept(hole, protocol)
        except FrpError as exc:
            log.warning("%s", exc)  # whole: it says what may help

    async def _meet(self, sid: str, name: str) -> tuple[Hole, str]:
        """The hole to a visitor, and the protocol that it wants. The server gets a report of what became of it."""
        messages = self._context.messages
        found = await self._punching.prepare()
        try:
            request = NatHoleClient(
                transaction_id=new_id(),
                proxy_name=name,
                sid=sid,
                mapped_addrs=found.mapped,
                assisted_addrs=found.assisted,
            )
            answer = await ask(messages, request, ANSWER_TIMEOUT)
        except FrpError as exc:
            found.socket.close()
            raise Closed(f"nathole exchange info error: {exc}") from exc
        except BaseException:
            found.socket.close()
            raise
        try:
            hole = await self._punching.hole(found, answer)
        except FrpError:
            messages.send(NatHoleReport(sid=answer.sid))
            raise
        messages.send(NatHoleReport(sid=answer.sid, success=True))
        return hole, answer.protocol


async def _read_sid(stream: Stream, codec: Codec) -> str:
    """The session id that the server sends on a work connection."""
    decoder, reader = codec.decoder(), Reader(stream)
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            while (message := decoder.receive_one(await _some(reader))) is None:
                pass
    except TimeoutError:
        raise TimedOut(f"no NatHoleSid within {READ_TIMEOUT:g} s") from None
    if not isinstance(message, NatHoleSid):
        raise RemoteProtocolError(f"{type(message).__name__} in place of NatHoleSid")
    return message.sid


async def _some(reader: Reader) -> bytes:
    data = await reader.read()
    if not data:
        raise Closed("EOF")
    return data


class Tunnels:
    """The tunnels of one proxy and what serves their streams; they outlive sessions with the server, and end when the
    proxy is removed or changed."""

    def __init__(self, context: ClientContext, config: DirectConfig, service: MakeClient) -> None:
        """May raise what ``service`` does."""
        inner = TunnelContext(context, derive_key(config.secret_key.reveal()))
        self._half = service(inner, config)
        self._direct = context.direct
        self._log = context.log
        self._start = StartWorkConn(proxy_name=config.name)
        self._closed = False
        self._open: dict[
            Hole, DirectTunnel | None
        ] = {}  # None while the handshake lasts; limited by MAX_TUNNELS

    def __len__(self) -> int:
        return len(self._open)

    async def accept(self, hole: Hole, protocol: str) -> None:
        """Wait for the visitor's tunnel through ``hole``. Raises :class:`~aiofrp.errors.FrpError`."""
        self._open[hole] = None
        try:
            tunnel = await accept_tunnel(
                hole, protocol, self._direct.quic, self._serve, lambda exc: self._lost(hole, exc)
            )
        except BaseException:
            self._open.pop(hole, None)
            raise
        if self._closed:
            tunnel.close()
        elif hole in self._open:
            self._open[hole] = tunnel

    async def close(self) -> None:
        """End all tunnels, those whose handshake still lasts as soon as it ends, and what serves them."""
        self._closed = True
        for tunnel in list(self._open.values()):
            if tunnel is not None:
                tunnel.close()
        await self._half.close()

    def _serve(self, stream: Stream) -> None:
        FirstByte(stream, lambda: self._half.on_work_connection(stream, self._start))

    def _lost(self, hole: Hole, exc: Exception | None) -> None:
        self._open.pop(hole, None)
        self._log.info("the tunnel to [%s:%d] has ended: %s", *hole.peer, exc or "closed")


class TunnelContext:
    """frpc as the service behind a tunnel sees it: the proxy's, with the secret key for encryption
    (see :class:`aiofrp.host.contexts.ClientContext`)."""

    def __init__(self, context: ClientContext, key: bytes) -> None:
        self._context = context
        self.key = key
        self.log: Log = context.log
        self.codec: Codec = context.codec
        self.udp_packet_size = context.udp_packet_size
        self.messages: Messages = context.messages
        self.limit: Limit | None = context.limit
        self.connections: Splices = context.connections
        self.direct = context.direct
        self.network: Network | None = context.network

    def spawn(self, coro: Coroutine[Any, Any, None], name: str) -> None:
        """Run ``coro`` as a task that ends with the proxies of frpc."""
        self._context.spawn(coro, name)

    def lost(self, cause: str, count: int) -> None:
        """Count what was lost."""
        self._context.lost(cause, count)

    def lasting(self, kind: type[Any], make: Callable[[], Any]) -> Any:
        """Services behind a tunnel last as long as the tunnels."""
        return make()

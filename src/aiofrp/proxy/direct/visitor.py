"""A visitor of xtcp: a local port whose users go through a tunnel to the proxy's frpc (docs/protocol/nat.md §3, §7).

Users wait until a stream of the tunnel is there: no longer than :data:`OPEN_TIMEOUT`, or ``fallbackTimeoutMs`` where
another visitor can serve them, and not at all when no tunnel can be there in that time.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from aiofrp.aio import check_after
from aiofrp.config.models.proxy import VisitorTransport
from aiofrp.errors import FrpError, ProxyError, TimedOut
from aiofrp.host.contexts import VisitorContext, VisitorHalf
from aiofrp.host.relay import layered
from aiofrp.nat.discover import Discovered
from aiofrp.nat.tunnel import DirectTunnel, Lost, dial_tunnel
from aiofrp.proxy.direct.budget import RetryBudget
from aiofrp.proxy.direct.exchange import PunchConfig, Punching, ask
from aiofrp.proxy.direct.source import TunnelSource
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import refuse
from aiofrp.stream.splice import Running, Splice
from aiofrp.stream.tcp import TcpListener
from aiofrp.transport.net import listen
from aiofrp.wire.frp.auth import derive_key, sign_key
from aiofrp.wire.frp.messages import NatHoleResp, NatHoleVisitor
from aiofrp.wire.nathole.sid import new_id

#: Seconds that a user waits where no other visitor can serve it.
OPEN_TIMEOUT = 20.0
#: Users of one visitor that wait at most; further ones are served by the other visitor, or closed.
MAX_WAITING = 1024
#: Seconds for the server's answer whether the proxy may be visited, and for its instructions, before which it asks the
#: proxy's frpc and waits 10 s for that.
CHECK_TIMEOUT, ANSWER_TIMEOUT = 5.0, 12.0


class DirectVisitorConfig(PunchConfig, Protocol):
    """The settings of an xtcp visitor."""

    @property
    def name(self) -> str:
        """The name of the visitor."""

    @property
    def bind_addr(self) -> str:
        """Where it listens."""

    @property
    def bind_port(self) -> int:
        """The port; negative for none."""

    @property
    def protocol(self) -> str:
        """``quic`` or ``kcp``."""

    @property
    def transport(self) -> VisitorTransport:
        """The layers of users' streams."""

    @property
    def keep_tunnel_open(self) -> bool:
        """Whether a tunnel is made before it is wanted."""

    @property
    def max_retries_an_hour(self) -> int:
        """Attempts for that, at most."""

    @property
    def min_retry_interval(self) -> int:
        """Seconds between two checks whether the tunnel is there."""

    @property
    def fallback_to(self) -> str:
        """The visitor that serves users in time; empty for none."""

    @property
    def fallback_timeout_ms(self) -> int:
        """Milliseconds until then."""


class DirectVisitor(VisitorHalf):
    """Serves the users of one visitor during one session with the server; those joined go on after it."""

    def __init__(self, context: VisitorContext, config: DirectVisitorConfig, wire_name: str) -> None:
        """``wire_name``: of the proxy, as the server knows it."""
        self._context = context
        self._config = config
        self._wire_name = wire_name
        self._key = derive_key(config.secret_key.reveal())
        self._punching = Punching(context.direct, config, context.log)
        self._source = TunnelSource(config.name, self._make_tunnel, self._settled, context.log)
        self._waiting: dict[WaitingUser, None] = {}  # in the order they came; limited by MAX_WAITING
        self._joined = 0  # users that go through the tunnel
        self._stopped = False
        self._listener: TcpListener | None = None
        self._keep_timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        config = self._config
        if config.bind_port > 0:
            self._listener = await listen(config.bind_addr, config.bind_port, self.accept, for_users=True)
        if config.keep_tunnel_open:
            self._budget = RetryBudget(config.max_retries_an_hour, asyncio.get_running_loop().time())
            self._source.request()
            self._keep_later(0.0)

    async def stop(self) -> None:
        self._stopped = True
        if self._listener is not None:
            self._listener.close()
        if self._keep_timer is not None:
            self._keep_timer.cancel()
        for user in list(self._waiting):
            user.give_up(ProxyError("the visitor is closed"))
        await self._source.close()
        self._drop_unused()

    def accept(self, user: Stream) -> None:
        config = self._config
        seconds = config.fallback_timeout_ms / 1000 if config.fallback_to else OPEN_TIMEOUT
        waiting = WaitingUser(self, user, min(max(0.0, seconds), OPEN_TIMEOUT))
        if self._stopped or len(self._waiting) >= MAX_WAITING:
            waiting.give_up(ProxyError(f"{len(self._waiting)} users are waiting for the tunnel already"))
            return
        self._waiting[waiting] = None
        if self._source.tunnel is not None:
            waiting.open(self._source.tunnel)
        else:
            self._wait_for_tunnel()

    # For the waiting users

    def join(self, user: Stream, stream: Stream) -> None:
        """Join a user to a stream of the tunnel, nobody attached to both."""
        connections = self._context.connections
        splice = Splice(user, layered(stream, self._config.transport, self._key), self._left)
        self._joined += 1
        connections.opened(splice)
        splice.start()

    def left(self, waiting: WaitingUser) -> None:
        """``waiting`` waits no longer."""
        self._waiting.pop(waiting, None)

    def not_opened(self, error: FrpError) -> None:
        """A stream could not be opened: the tunnel is of no use."""
        self._context.log.seldom.warning("get tunnel connection error: %s", error)
        self._source.drop()
        self._wait_for_tunnel()

    def refuse(self, user: Stream, error: FrpError) -> None:
        """Let the other visitor serve a user that waited too long, or close it."""
        log, name = self._context.log.seldom, self._config.fallback_to
        cause = f" ({self._source.error})" if self._source.error is not None else ""
        log.error("open tunnel error: %s%s", error, cause)
        other = self._context.find(name) if name and not self._stopped else None
        if other is not None:
            other.accept(user)
            return
        if name and not self._stopped:
            log.error("transfer connection to visitor %s error: visitor [%s] not found", name, name)
        refuse(user, self._source.error or error)

    # Private: the tunnel

    def _wait_for_tunnel(self) -> None:
        """Give up the users for whom no tunnel can be there in time, and request one for the others."""
        earliest = self._source.earliest
        for user in list(self._waiting):
            if user.deadline < earliest:
                user.give_up(
                    TimedOut("open tunnel timeout: the last attempt failed, and the next one is too late")
                )
        if self._waiting:
            self._source.request()

    def _settled(self) -> None:
        tunnel = self._source.tunnel
        if tunnel is None:
            self._wait_for_tunnel()
            return
        for user in list(self._waiting):
            user.open(tunnel)

    def _left(self, splice: Running) -> None:
        self._context.connections.closed(splice)
        self._joined -= 1
        self._drop_unused()

    def _drop_unused(self) -> None:
        """After the end of the visitor its tunnel ends with the last user."""
        if self._stopped and not self._joined:
            self._source.drop()

    def _keep_later(self, more: float) -> None:
        self._keep_timer = check_after(max(1, self._config.min_retry_interval) + more, self._keep)

    def _keep(self, now: float) -> None:
        """Request a tunnel if there is none.

        Whether one is alive is seen by the keep-alive of its protocol: the local service gets no connection for it."""
        wait = 0.0
        if self._source.tunnel is None and not self._source.busy:
            wait = self._budget.take(now)
            if not wait:
                self._source.request()
        self._keep_later(wait)

    async def _make_tunnel(self, lost: Lost) -> DirectTunnel:
        try:
            check = NatHoleVisitor(transaction_id=new_id(), proxy_name=self._wire_name, pre_check=True)
            await ask(self._context.messages, check, CHECK_TIMEOUT)
        except FrpError as exc:
            raise ProxyError(f"nathole precheck error: {exc}") from exc
        found = await self._punching.prepare()
        try:
            answer = await self._instructions(found)
        except FrpError as exc:
            found.socket.close()
            raise ProxyError(f"nathole exchange info error: {exc}") from exc
        except BaseException:
            found.socket.close()
            raise
        hole = await self._punching.hole(found, answer)
        try:
            return await dial_tunnel(hole, self._config.protocol, self._context.direct.quic, lost)
        except FrpError as exc:
            raise ProxyError(f"init tunnel session error: {exc}") from exc

    async def _instructions(self, found: Discovered) -> NatHoleResp:
        now = int(time.time())
        request = NatHoleVisitor(
            transaction_id=new_id(),
            proxy_name=self._wire_name,
            protocol=self._config.protocol,
            sign_key=sign_key(self._config.secret_key.reveal(), now),
            timestamp=now,
            mapped_addrs=found.mapped,
            assisted_addrs=found.assisted,
        )
        return await ask(self._context.messages, request, ANSWER_TIMEOUT)


class WaitingUser:
    """A user from its arrival until it is joined to a stream of the tunnel, or given up."""

    __slots__ = ("_done", "_owner", "_timer", "_user", "deadline")

    def __init__(self, owner: DirectVisitor, user: Stream, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._owner = owner
        self._user = user
        self._done = False
        self.deadline = loop.time() + seconds  #: loop time
        self._timer = loop.call_at(self.deadline, self.give_up, TimedOut("open tunnel timeout"))

    def open(self, tunnel: DirectTunnel) -> None:
        """Open a stream for the user."""
        tunnel.open(self._opened, self._failed)

    def give_up(self, error: FrpError) -> None:
        """End the waiting without a stream."""
        if self._end():
            self._owner.refuse(self._user, error)

    def _opened(self, stream: Stream) -> None:
        if self._end():
            self._owner.join(self._user, stream)
        else:
            stream.abort()

    def _failed(self, error: FrpError) -> None:
        if not self._done:
            self._owner.not_opened(error)

    def _end(self) -> bool:
        """Whether the user was waiting until now."""
        was_waiting, self._done = not self._done, True
        self._timer.cancel()
        self._owner.left(self)
        return was_waiting

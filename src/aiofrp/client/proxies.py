"""Every proxy of one frpc: announced to the server, watched, and handed its work connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aiofrp import logs, registry
from aiofrp.aio import Scope
from aiofrp.client.health import Monitor, is_checked
from aiofrp.client.reload import diff
from aiofrp.client.states import CHECK_EVERY, Action, Lost, Phase, ProxyState
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.errors import FrpError
from aiofrp.hints.entry import Hint
from aiofrp.host.contexts import ClientHalf, DirectOptions, Lasting, MakeClient
from aiofrp.host.messages import Messages
from aiofrp.host.relay import limit_of
from aiofrp.logs import Log
from aiofrp.plugin.base import ClientPlugin
from aiofrp.proxy.base import proxy_type, visit
from aiofrp.stream.base import Stream
from aiofrp.stream.splice import Splices
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import CloseProxy, Message, NewProxy, NewProxyResp, StartWorkConn

if TYPE_CHECKING:
    from aiofrp.vnet.network import Network

#: Where a server is that is reached by the address of all.
_LOCAL = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}

_log = logs.get(__name__)

#: What outlives sessions for one proxy.
L = TypeVar("L", bound=Lasting)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the proxies and visitors of one frpc share."""

    prefix: str  #: put before names on the wire (``user.``)
    key: bytes  #: of encrypted work connections
    codec: Codec
    udp_packet_size: int  #: bytes
    network: Network | None  #: the virtual network, if there is one
    direct: DirectOptions
    halves: Mapping[str, MakeClient]  #: by proxy name
    server_addr: str  #: as the configuration has it

    @classmethod
    def of(
        cls,
        config: ClientConfig,
        key: bytes,
        codec: Codec,
        network: Network | None,
        halves: Mapping[str, MakeClient],
    ) -> Surroundings:
        """Those of frpc with ``config``."""
        prefix = f"{config.user}." if config.user else ""
        direct = DirectOptions(config.nat_hole_stun_server, config.transport.quic)
        return cls(prefix, key, codec, config.udp_packet_size, network, direct, halves, config.server_addr)


@dataclass(frozen=True, slots=True)
class UserTraffic:
    """What has passed through the proxies of one frpc."""

    connections: int  #: work connections that users came through, those that have ended too
    open: int
    bytes_in: int  #: from users
    bytes_out: int  #: to users


class RunningProxy:
    """One configured proxy: its state, and the half that serves it; also its half's view of frpc
    (see :class:`aiofrp.host.contexts.ClientContext`)."""

    __slots__ = (
        "_lasting",
        "_make",
        "_monitor",
        "_scope",
        "_server_addr",
        "codec",
        "config",
        "connections",
        "direct",
        "half",
        "key",
        "limit",
        "log",
        "losses",
        "messages",
        "network",
        "state",
        "udp_packet_size",
    )

    def __init__(
        self,
        config: ProxyConfig,
        scope: Scope,
        connections: Splices,
        around: Surroundings,
        messages: Messages,
        log: Log,
        lasting: dict[str, Lasting],
    ) -> None:
        self.direct = around.direct
        self._server_addr = _LOCAL.get(around.server_addr, around.server_addr)
        self._lasting = lasting
        self.config = config
        self.messages = messages
        self.connections = connections
        self.key = around.key
        self.limit = limit_of(
            config.transport.bandwidth_limit, config.transport.bandwidth_limit_mode == "client"
        )
        self.codec = around.codec
        self.udp_packet_size = around.udp_packet_size
        self.network = around.network
        self.log = log.bind(config.name)
        self.state = ProxyState(healthy=not is_checked(config))
        self.half: ClientHalf | None = None
        self.losses = Lost()
        self._scope = scope
        self._make = around.halves.get(config.name)
        self._monitor: asyncio.Task[None] | None = None

    @property
    def urls(self) -> list[str]:
        """Where users go while it runs: see :meth:`aiofrp.proxy.base.ProxyType.urls`."""
        location = next(iter(getattr(self.config, "locations", ())), "")
        return proxy_type(self.config.type).urls(self.state.remote_addr, self._server_addr, location)

    @property
    def hint(self) -> Hint | None:
        """What is known about its error, or else about a service that refuses datagrams."""
        if not self.state.error and not self.losses.lately("refused"):
            return None
        from aiofrp.client.hints.facts import proxy_hint, refusal_hint  # here, as they take long to load

        error = self.state.error
        return proxy_hint(error, self.config) if error else refusal_hint(self.config)

    def lost(self, cause: str, count: int) -> None:
        """See :meth:`aiofrp.host.contexts.ClientContext.lost`."""
        self.losses.add(cause, count)

    def watch(self, changed: Callable[[], None]) -> None:
        """Begin the health checks, if there are any; ``changed`` is called when the state has changed by them."""
        if not is_checked(self.config):
            return

        def answered(good: bool) -> None:
            self.state.healthy = good
            changed()
            self.log.info("health check %s", "success" if good else "failed")

        monitor = Monitor(self.config, self.log, answered)
        self._monitor = self._scope.spawn(monitor.run(), f"{self.config.name}/health")

    async def close(self) -> None:
        """End the health checks and what serves users."""
        if self._monitor is not None:
            self._monitor.cancel()
        if self.half is not None:
            await self.half.close()

    def spawn(self, coro: Coroutine[Any, Any, None], name: str) -> None:
        """Run ``coro`` as a task that ends with the proxy at the latest."""
        self._scope.spawn(coro, f"{self.config.name}/{name}")

    def make_half(self) -> None:
        """Create the half that serves users, once the server accepted. Raises :class:`FrpError`."""
        service = self._make or _serving(self.config)
        self.half = proxy_type(self.config.type).reached(service)(self, self.config)

    def lasting(self, kind: type[L], make: Callable[[], L]) -> L:
        """See :meth:`aiofrp.host.contexts.ClientContext.lasting`."""
        found = self._lasting.get(self.config.name)
        if not isinstance(found, kind):
            self._lasting[self.config.name] = found = make()
        return found


def _serving(config: ProxyConfig) -> MakeClient:
    """What serves users of ``config``: its plugin, or the local address. Raises :class:`FrpError`."""
    if config.plugin is not None:
        return registry.load(registry.CLIENT_PLUGINS[config.plugin.type], ClientPlugin).Client
    proxy = proxy_type(config.type)
    if proxy.Client is None:
        raise FrpError(f"proxies of type {proxy.name} are not in this release of aiofrp's frpc")
    return proxy.Client


class ClientProxies:
    """The proxies of one frpc over all its sessions."""

    def __init__(self, configs: Sequence[ProxyConfig], around: Surroundings, log: Log = _log) -> None:
        self._around = around
        self._prefix = around.prefix
        self._log = log
        self._configs: dict[str, ProxyConfig] = {config.name: config for config in configs}
        self._running: dict[str, RunningProxy] = {}
        self._messages: Messages | None = None
        self._check_timer: asyncio.TimerHandle | None = None
        self._scope = Scope("proxies")
        self._connections = Splices()
        self._lasting: dict[str, Lasting] = {}  # by proxy; limited by the configuration
        self._served = 0  # work connections
        self._settled = asyncio.Event()

    def __repr__(self) -> str:
        return f"<ClientProxies {[(name, proxy.state.phase.value) for name, proxy in self._running.items()]}>"

    def running(self) -> list[RunningProxy]:
        """The proxies of the current session, by name; empty without a session."""
        return [proxy for _, proxy in sorted(self._running.items())]

    @property
    def traffic(self) -> UserTraffic:
        """The user connections so far, those of earlier sessions too."""
        connections = self._connections
        return UserTraffic(self._served, len(connections), connections.bytes_in, connections.bytes_out)

    async def settled(self) -> None:
        """Wait until the server has answered for every proxy of the present session, or refused it; proxies whose
        health check fails are not waited for."""
        await self._settled.wait()

    # Sessions

    def session_started(self, messages: Messages, log: Log) -> None:
        """Logged in: announce everything through ``messages``."""
        self._messages, self._log = messages, log
        configs = [config for _, config in sorted(self._configs.items())]
        self._start(configs)
        self._check_settled()
        self._schedule_check()

    async def session_lost(self) -> None:
        """The session has ended, and the server has withdrawn its proxies; running connections go on."""
        self._messages = None
        self._settled.clear()
        if self._check_timer is not None:
            self._check_timer.cancel()
        await self._close(list(self._running))

    @property
    def open_connections(self) -> int:
        """How many connections of users are open."""
        return len(self._connections)

    async def close(self, grace: float) -> None:
        """Withdraw every proxy; running connections may finish for ``grace`` seconds."""
        await self._close(list(self._running))
        await self._connections.drain(grace)
        await self._end_lasting(list(self._lasting))
        if self._check_timer is not None:
            self._check_timer.cancel()
        await self._scope.close()

    async def update(self, configs: Sequence[ProxyConfig]) -> None:
        """Go over to a new configuration; equal proxies and their connections are not touched."""
        change = diff(self._configs.values(), configs)
        self._configs = {config.name: config for config in configs}
        if self._messages is None:
            await self._end_lasting(change.remove)
            return
        await self._close([name for name in change.remove if name in self._running])
        await self._end_lasting(change.remove)
        if change.remove:
            self._log.info("proxy removed: [%s]", " ".join(change.remove))
        self._start(change.add)

    # Messages

    def answered(self, message: NewProxyResp) -> None:
        """The server answered a NewProxy: make the half that serves users, or keep the reason of the refusal."""
        name = self._bare(message.proxy_name)
        proxy = self._running.get(name)
        if proxy is None:
            self._log.seldom.warning("[%s] start error: proxy [%s] not found", name, message.proxy_name)
            return
        error = message.error
        if not error and proxy.state.phase in (Phase.WAIT_START, Phase.START_ERROR):
            try:
                proxy.make_half()
            except FrpError as exc:
                error = str(exc)
                self._send(CloseProxy(proxy_name=message.proxy_name))
        first = error != proxy.state.error
        if not proxy.state.answered(message.remote_addr, error, time.monotonic()):
            self._log.seldom.warning("[%s] start error: status not wait start, ignore start message", name)
            return
        if error:
            hint = f"\n{found}" if first and (found := proxy.hint) is not None else ""
            self._log.warning("[%s] start error: %s%s", name, error, hint)
        else:
            self._log.info("[%s] start proxy success%s", name, visit(proxy.urls))
        self._check_settled()

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        """A work connection was started for one of our proxies; nobody is attached to it."""
        self._served += 1
        proxy = self._running.get(self._bare(start.proxy_name))
        if proxy is None or proxy.half is None or proxy.state.phase is not Phase.RUNNING:
            stream.close()
        else:
            proxy.half.on_work_connection(stream, start)

    # Private

    def _start(self, configs: Sequence[ProxyConfig]) -> None:
        if not configs or self._messages is None:
            return
        for config in configs:
            self._running[config.name] = RunningProxy(
                config, self._scope, self._connections, self._around, self._messages, self._log, self._lasting
            )
            self._running[config.name].watch(self._check)
        self._log.info("proxy added: [%s]", " ".join(config.name for config in configs))
        self._settled.clear()
        self._check()

    async def _close(self, names: Sequence[str]) -> None:
        for name in names:
            proxy = self._running.pop(name)
            if proxy.state.close():
                self._send(CloseProxy(proxy_name=self._prefix + name))
            await proxy.close()

    async def _end_lasting(self, names: Sequence[str]) -> None:
        for name in names:
            lasting = self._lasting.pop(name, None)
            if lasting is not None:
                await lasting.close()

    def _schedule_check(self) -> None:
        self._check_timer = asyncio.get_running_loop().call_later(CHECK_EVERY, self._check_again)

    def _check_again(self) -> None:
        self._check()
        self._schedule_check()

    def _check(self) -> None:
        now = time.monotonic()
        for name, proxy in self._running.items():
            match proxy.state.next_action(now):
                case Action.ANNOUNCE:
                    self._announce(proxy, now)
                case Action.WITHDRAW:
                    self._send(CloseProxy(proxy_name=self._prefix + name))
                case Action.NOTHING:
                    pass

    def _announce(self, proxy: RunningProxy, now: float) -> None:
        """Ask the server for a proxy, unless the message is one for which servers end the session."""
        message, codec = new_proxy(proxy.config, self._prefix), self._around.codec
        size = len(codec.encode(message))
        if size <= codec.max_frame:
            self._send(message)
            return
        error = (
            f"the proxy needs a message of {size} bytes; wire protocol {codec.name} allows {codec.max_frame}"
        )
        proxy.state.answered("", error, now)
        proxy.log.warning("start error: %s", error)
        self._check_settled()

    def _check_settled(self) -> None:
        waiting = (Phase.NEW, Phase.WAIT_START)
        states = [proxy.state for proxy in self._running.values() if proxy.state.healthy]
        if all(state.phase not in waiting for state in states):
            self._settled.set()

    def _send(self, message: Message) -> None:
        if self._messages is not None:
            self._messages.send(message)

    def _bare(self, wire_name: str) -> str:
        return wire_name.removeprefix(self._prefix)


def new_proxy(config: ProxyConfig, prefix: str) -> NewProxy:
    """The message that publishes ``config``; ``prefix`` goes before its name."""
    return NewProxy(proxy_name=prefix + config.name, proxy_type=config.type, **config.wire_values())

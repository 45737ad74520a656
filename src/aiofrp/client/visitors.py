"""Every visitor of one frpc: started after the login, stopped when the session is lost
(docs/protocol/client.md §5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiofrp import logs, registry
from aiofrp.aio import Scope
from aiofrp.client.proxies import Surroundings
from aiofrp.client.reload import diff
from aiofrp.config.models.proxy import VisitorConfig
from aiofrp.errors import Closed, FrpError, ProxyError
from aiofrp.hints.later import Repeats
from aiofrp.host.contexts import VisitorHalf
from aiofrp.host.messages import Messages
from aiofrp.logs import Log
from aiofrp.plugin.base import VisitorPlugin
from aiofrp.proxy.base import proxy_type
from aiofrp.stream.base import Stream
from aiofrp.stream.splice import Splices
from aiofrp.wire.frp.codec import Codec

#: Seconds after which a visitor that could not start is tried again (docs/protocol/client.md §5).
RETRY_EVERY = 10.0

_log = logs.get(__name__)

#: Opens a logical connection to the server: see :meth:`aiofrp.transport.base.Session.open`.
Open = Callable[[Callable[[Stream], None], Callable[[FrpError], None]], None]


class VisitorView:
    """frpc as one visitor sees it: see :class:`aiofrp.host.contexts.VisitorContext`."""

    __slots__ = (
        "_visitors",
        "codec",
        "connections",
        "direct",
        "log",
        "messages",
        "network",
        "udp_packet_size",
        "user",
    )

    def __init__(self, visitors: ClientVisitors, around: Surroundings, messages: Messages, log: Log) -> None:
        self._visitors = visitors
        self.connections = visitors.connections
        self.codec: Codec = around.codec
        self.direct = around.direct
        self.messages = messages
        self.log = log
        self.network = around.network
        self.udp_packet_size = around.udp_packet_size
        self.user = around.prefix.removesuffix(".")

    @property
    def run_id(self) -> str:
        return self._visitors.run_id

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        self._visitors.open(ready, failed)

    def find(self, name: str) -> VisitorHalf | None:
        return self._visitors.find(name)


class ClientVisitors:
    """The visitors of one frpc over all its sessions; limited by its configuration."""

    def __init__(self, configs: Sequence[VisitorConfig], around: Surroundings, log: Log = _log) -> None:
        self._around = around
        self._log = log
        self._configs: dict[str, VisitorConfig] = {config.name: config for config in configs}
        self._running: dict[str, VisitorHalf] = {}
        self.errors: dict[str, str] = {}  #: why those that should run do not, by name
        self._open: Open | None = None
        self._messages: Messages | None = None  # of the present or the last session
        self._changing = asyncio.Lock()  # starting waits for sockets
        self._retry: asyncio.TimerHandle | None = None
        self._scope = Scope("visitors")
        self._hints = Repeats()
        self.run_id = ""
        self.connections = Splices()

    def __repr__(self) -> str:
        return f"<ClientVisitors running={sorted(self._running)} of {sorted(self._configs)}>"

    def find(self, name: str) -> VisitorHalf | None:
        """The running visitor with this name, or ``None``."""
        return self._running.get(name)

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        """Open a logical connection of the present session. Exactly one of ``ready`` and ``failed`` is called, once."""
        if self._open is None:
            failed(Closed("connect to server error: there is no session"))
        else:
            self._open(ready, failed)

    # Sessions

    async def session_started(self, open_: Open, messages: Messages, run_id: str, log: Log) -> None:
        """Logged in: start everything."""
        self._open, self._messages, self.run_id, self._log = open_, messages, run_id, log
        async with self._changing:
            await self._add([config for _, config in sorted(self._configs.items())])

    async def session_lost(self) -> None:
        """The session has ended: stop every visitor until the next one."""
        self._open = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        async with self._changing:
            await self._stop(list(self._running))
        self.errors.clear()

    async def close(self, grace: float) -> None:
        """Stop everything; running connections may finish for ``grace`` seconds."""
        await self.session_lost()
        await self.connections.drain(grace)
        await self._scope.close()

    async def update(self, configs: Sequence[VisitorConfig]) -> None:
        """Go over to a new configuration; equal visitors and their users are not touched."""
        async with self._changing:
            change = diff(self._configs.values(), configs)
            self._configs = {config.name: config for config in configs}
            if self._open is None:
                return
            await self._stop(change.remove)
            if change.remove:
                self._log.info("visitor removed: [%s]", " ".join(change.remove))
            await self._add(change.add)

    # Private

    async def _add(self, configs: Sequence[VisitorConfig]) -> None:
        for config in configs:
            await self._start(config)
        if configs:
            self._log.info("visitor added: [%s]", " ".join(config.name for config in configs))

    async def _start(self, config: VisitorConfig) -> None:
        log, messages = self._log.bind(config.name), self._messages
        assert messages is not None, "visitors start after a login"
        try:
            half = make_half(config, VisitorView(self, self._around, messages, log))
            await half.start()
        except FrpError as exc:
            from aiofrp.client.hints.facts import visitor_hint  # here, as it is needed only then

            hint = visitor_hint(exc.text, config)
            exc.hint = hint if self._hints.due(config.name, hint) else None
            log.warning("start error: %s", exc)
            self.errors[config.name] = exc.text
            self._retry_later()
            return
        self.errors.pop(config.name, None)
        self._hints.forget(config.name)
        self._running[config.name] = half
        log.info("start visitor success")

    async def _stop(self, names: Sequence[str]) -> None:
        for name in names:
            self.errors.pop(name, None)
            half = self._running.pop(name, None)
            if half is not None:
                await half.stop()

    def _retry_later(self) -> None:
        if self._retry is None and self._open is not None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_EVERY, self._spawn_retry)

    def _spawn_retry(self) -> None:
        self._retry = None
        self._scope.spawn(self._start_missing(), "retry")

    async def _start_missing(self) -> None:
        async with self._changing:
            if self._open is None:
                return
            for name, config in sorted(self._configs.items()):
                if name not in self._running:
                    self._log.info("try to start visitor [%s]", name)
                    await self._start(config)


def make_half(config: VisitorConfig, context: VisitorView) -> VisitorHalf:
    """The half that serves the users of a visitor, with its plugin if it has one; a visitor of datagrams has none, as
    in the reference. Raises :class:`~aiofrp.errors.ProxyError`."""
    kind = proxy_type(config.type)
    if kind.Visitor is None:
        raise ProxyError(f"visitors of type {config.type} are not in this release of aiofrp's frpc")
    half: VisitorHalf = kind.Visitor(context, config)
    if config.plugin is None or kind.datagrams:
        return half
    plugin = registry.load(registry.VISITOR_PLUGINS[config.plugin.type], VisitorPlugin)
    return plugin.Visitor(context, config, half)

"""The UDP ports clients log in on: kcpBindPort and quicBindPort (docs/protocol/wire.md §1.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiofrp import logs
from aiofrp.config.models.server import ServerConfig
from aiofrp.server.session.accept import Acceptor
from aiofrp.server.vhost.ports import ListenError
from aiofrp.transport.net import ListenFailed, join_host_port

#: Seconds sessions have to deliver their last words when the server stops.
GRACE = 0.5

_log = logs.get(__name__)


class Listener(Protocol):
    """What both kinds of listener can do."""

    def close(self) -> None:
        """Take no new sessions."""

    async def drain(self, seconds: float) -> None:
        """Close, and end after ``seconds`` what has not ended by itself."""


class DatagramPorts:
    """The listeners of ``config``, once :meth:`listen` was called."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._listeners: list[Listener] = []

    def listen(self, acceptor: Acceptor) -> None:
        """Bind them; connections go to ``acceptor``. Raises :class:`~aiofrp.errors.FrpError`; what is bound then
        stays so until :meth:`close`."""
        config = self._config
        if config.kcp_bind_port:
            from aiofrp.transport.kcp import listen_kcp

            where = self._bind(
                "kcp", config.kcp_bind_port, lambda host, port: listen_kcp(host, port, acceptor.carrier)
            )
            _log.info("frps kcp listen on udp %s", where)
        if config.quic_bind_port:
            from aiofrp.transport.quic import listen_quic

            tls, quic = config.transport.tls, config.transport.quic
            where = self._bind(
                "quic",
                config.quic_bind_port,
                lambda host, port: listen_quic(host, port, tls, quic, acceptor.logical),
            )
            _log.info("frps quic listen on %s", where)

    def close(self) -> None:
        """Take no new connections."""
        for listener in self._listeners:
            listener.close()

    async def drain(self) -> None:
        """Close, and end what is left after its last words."""
        await asyncio.gather(*(listener.drain(GRACE) for listener in self._listeners))

    def _bind(self, kind: str, port: int, listen: Callable[[str, int], Listener]) -> str:
        host = self._config.bind_addr
        where = join_host_port(host, port)
        try:
            self._listeners.append(listen(host, port))
        except ListenFailed as exc:
            raise ListenError(f"listen on {kind} udp address {where} error: {exc}") from exc
        return where

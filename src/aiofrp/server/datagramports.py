"""The UDP ports clients log in on: kcpBindPort (spec: wire §1.1)."""

from __future__ import annotations

from aiofrp import logs
from aiofrp.config.server import ServerConfig
from aiofrp.server.accept import Acceptor
from aiofrp.server.vhost import ListenError
from aiofrp.stream.kcplistener import KcpListener
from aiofrp.transport.kcp import listen_kcp
from aiofrp.transport.net import ListenFailed, join_host_port

#: Seconds sessions have to deliver their last words when the server stops.
GRACE = 0.5

_log = logs.get(__name__)


class DatagramPorts:
    """The listeners of ``config``, once :meth:`listen` was called."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._kcp: KcpListener | None = None

    def listen(self, acceptor: Acceptor) -> None:
        """Bind them; connections go to ``acceptor``. Raises :class:`ListenError`; what is bound stays so."""
        if self._config.kcp_bind_port:
            self._listen_kcp(acceptor)

    def close(self) -> None:
        """Take no new connections."""
        if self._kcp is not None:
            self._kcp.close()

    async def drain(self) -> None:
        """Close, and end what is left after its last words."""
        if self._kcp is not None:
            await self._kcp.drain(GRACE)

    def _listen_kcp(self, acceptor: Acceptor) -> None:
        host, port = self._config.bind_addr, self._config.kcp_bind_port
        where = join_host_port(host, port)
        try:
            self._kcp = listen_kcp(host, port, acceptor.carrier)
        except ListenFailed as exc:
            raise ListenError(f"listen on kcp udp address {where} error: {exc}") from exc
        _log.info("frps kcp listen on udp %s", where)

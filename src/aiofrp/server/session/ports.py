"""The ports that clients log in on, one for each transport that has one (docs/protocol/wire.md §1.1)."""

from __future__ import annotations

import asyncio

from aiofrp import logs
from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import LocalProtocolError
from aiofrp.server.vhost.ports import ListenError
from aiofrp.transport.base import Carriers, Listener, ListenOptions, Transport, all_transports
from aiofrp.transport.net import ListenFailed
from aiofrp.wire.addresses import join_host_port

#: Seconds sessions over datagrams have to deliver their last packets when the server stops.
GRACE = 0.5

_log = logs.get(__name__)


class LoginPorts:
    """The listeners of ``config``, once :meth:`listen` was called."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._listeners: dict[str, Listener] = {}  # by the key of the port
        self._address: tuple[str, int] | None = None  # of bindPort

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of ``bindPort``, after the end, too. Raises :class:`~aiofrp.errors.LocalProtocolError` before
        the start."""
        if self._address is None:
            raise LocalProtocolError("the server is not started: it has no address yet")
        return self._address

    @property
    def over_datagrams(self) -> list[Listener]:
        """The listeners that keep sessions of their own."""
        return [listener for key, listener in self._listeners.items() if key != "bind_port"]

    async def listen(self, carriers: Carriers) -> None:
        """Open every port that is configured, in the order of the registry; what arrives goes to ``carriers``.

        Raises :class:`~aiofrp.errors.FrpError`; what is open then stays so until :meth:`close`.
        """
        for transport in all_transports():
            port = getattr(self._config, transport.bind_port) if transport.bind_port else 0
            if port or not transport.zero_is_off:
                await self._open(transport, port, carriers)

    def close(self) -> None:
        """Take no new connections."""
        for listener in self._listeners.values():
            listener.close()

    async def drain(self) -> None:
        """Close, and end what is left after :data:`GRACE`."""
        await asyncio.gather(*(listener.drain(GRACE) for listener in self._listeners.values()))

    async def _open(self, transport: Transport, port: int, carriers: Carriers) -> None:
        config = self._config
        options = ListenOptions(
            host=config.bind_addr,
            port=port,
            keepalive=config.transport.tcp_keepalive,
            tls_files=config.transport.tls,
            quic=config.transport.quic,
        )
        try:
            listener = await transport.listen(options, carriers)
        except ListenFailed as exc:
            where = join_host_port(options.host, port)
            raise ListenError(transport.listen_error.format(where=where, error=exc)) from exc
        self._listeners[transport.bind_port] = listener
        if transport.bind_port == "bind_port":
            self._address = listener.address
        where = join_host_port(options.host, listener.address[1])
        _log.info("%s", transport.listen_log.format(where=where))

"""``async with aiofrp.expose(8000, server="host:7000") as tunnel`` makes one service of this program public."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from aiofrp.client.proxies import UserTraffic
from aiofrp.library.thread import LoopThread
from aiofrp.library.tunnel import Target, Tunnel, client_settings, settings_of, tunnel_of


def expose(
    target: Target | None = None,
    server: str = "",
    *,
    plugin: str = "",
    token: str = "",
    type: str = "tcp",
    remote_port: int = 0,
    name: str = "",
    custom_domains: Sequence[str] = (),
    subdomain: str = "",
    timeout: float = 10.0,
    proxy: Mapping[str, Any] | None = None,
    client: Mapping[str, Any] | None = None,
    **options: Any,
) -> Exposure:
    """Make a service public through a frps (of aiofrp or of frp)::

        async with aiofrp.expose(8000, "frps.example.com:7000", token="secret") as tunnel: ...
        with aiofrp.expose(8000, "frps.example.com:7000", token="secret") as tunnel: ...
        tunnel = await aiofrp.expose(8000, "frps.example.com:7000", token="secret")  # until tunnel.close()

    ``target`` is a port of this machine, ``"host:port"``, or an ASGI application, which needs no port. Instead of it,
    ``plugin`` names a client plugin with its ``options``: ``plugin="static_file", local_path="site"``.
    ``server`` is ``"host:port"``. ``remote_port`` 0 lets the server choose. ``type`` ``http`` and ``https`` need
    ``custom_domains`` or ``subdomain``. ``proxy`` and ``client`` are further settings, as in a file of frpc:
    ``proxy={"transport": {"useEncryption": True}}``. ``timeout``: seconds for login and answer.

    Raises :class:`~aiofrp.errors.ConfigError` for a wrong setting; the beginning raises another
    :class:`~aiofrp.errors.FrpError` for a failed login and for a proxy the server refuses.
    """
    name = name or f"expose-{secrets.token_hex(4)}"
    place = {"remote_port": remote_port, "custom_domains": custom_domains, "subdomain": subdomain}
    service = {**settings_of(target, type, place, plugin, options), **(proxy or {}), "name": name}
    settings = client_settings(server, token, client or {}) | {"proxies": [service]}
    return Exposure(tunnel_of(target, settings, name, timeout))


class Exposure:
    """A service to make public: in an ``async with`` block, in a ``with`` block, or from ``await`` to
    :meth:`Tunnel.close`. It is used once. Made by :func:`aiofrp.expose` alone."""

    def __init__(self, opened: AbstractAsyncContextManager[Tunnel]) -> None:
        self._opened = opened
        self._thread: LoopThread | None = None

    async def __aenter__(self) -> Tunnel:
        return await self._opened.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)

    def __await__(self) -> Generator[object, None, Tunnel]:
        return self._kept_open().__await__()

    def __enter__(self) -> ThreadTunnel:
        """Run the tunnel in a thread of its own, for programs without an event loop."""
        thread = self._thread = LoopThread("aiofrp-expose")
        thread.__enter__()
        try:
            return ThreadTunnel(thread.run(self._opened.__aenter__()), thread)
        except BaseException:
            thread.__exit__(None, None, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        thread, self._thread = self._thread, None
        assert thread is not None, "the block was not entered"
        try:
            thread.run(self._opened.__aexit__(None, None, None))
        finally:
            thread.__exit__(None, None, None)

    async def _kept_open(self) -> Tunnel:
        tunnel = await self._opened.__aenter__()
        tunnel.closes_with(lambda: self._opened.__aexit__(None, None, None))
        return tunnel


class ThreadTunnel:
    """A tunnel that runs in a thread of its own, as a ``with`` block gives it. All of it is for other threads."""

    def __init__(self, tunnel: Tunnel, thread: LoopThread) -> None:
        self._tunnel = tunnel
        self._thread = thread
        self.name = tunnel.name  #: of the proxy
        self.type = tunnel.type  #: of the proxy

    def __repr__(self) -> str:
        return f"<ThreadTunnel {self._tunnel!r}>"

    @property
    def addresses(self) -> tuple[str, ...]:
        """See :attr:`Tunnel.addresses`."""
        return self._tunnel.addresses

    @property
    def address(self) -> str:
        """See :attr:`Tunnel.address`."""
        return self._tunnel.address

    @property
    def connected(self) -> bool:
        """See :attr:`Tunnel.connected`."""
        return self._tunnel.connected

    @property
    def traffic(self) -> UserTraffic:
        """See :attr:`Tunnel.traffic`."""

        async def read() -> UserTraffic:
            return self._tunnel.traffic

        return self._thread.run(read())

    def wait(self) -> None:
        """Serve until the calling thread is interrupted. Raises :class:`~aiofrp.errors.FrpError` when the client gave
        up."""
        self._thread.run(self._tunnel.wait())

"""The local service behind a TCP-like proxy: frpc's half of every user connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aiofrp.config.models.proxy import ProxyTransport
from aiofrp.hints.entry import Facts
from aiofrp.host.contexts import ClientContext
from aiofrp.host.service import DIAL_TIMEOUT, ReachedService
from aiofrp.proxy.explain import service_facts
from aiofrp.stream.base import Stream
from aiofrp.transport.net import dial, dial_here
from aiofrp.wire.addresses import join_host_port


class LocalConfig(Protocol):
    """The settings of a proxy that forwards to a local address."""

    @property
    def local_ip(self) -> str:
        """The service's address, or a name."""

    @property
    def local_port(self) -> int:
        """The service's port."""

    @property
    def transport(self) -> ProxyTransport:
        """The layers of work connections, and the version of the PROXY header."""


class LocalService(ReachedService):
    """Joins each work connection to ``localIP:localPort``."""

    def __init__(self, context: ClientContext, config: LocalConfig) -> None:
        super().__init__(context, config.transport)
        self._address = config.local_ip, config.local_port

    async def connect(self) -> Stream:
        return await dial(*self._address, timeout=DIAL_TIMEOUT, for_user=True)

    def connect_here(self, ready: Callable[[Stream], object], failed: Callable[[Exception], object]) -> bool:
        return dial_here(*self._address, ready, failed)

    def facts(self) -> Facts:
        return service_facts(*self._address)

    def explain(self, error: Exception) -> str:
        return f"connect to local service [{join_host_port(*self._address)}] error: {error}"

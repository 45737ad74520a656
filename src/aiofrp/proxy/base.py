"""A proxy type: one class that gathers its configuration, its facts, both halves and its visitor."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aiofrp import registry
from aiofrp.config.models.proxy import ProxyKind
from aiofrp.host.contexts import MakeClient, MakeVisitor, ServerHalf
from aiofrp.wire.addresses import join_host_port
from aiofrp.wire.frp.messages import NewProxy

#: The port that a URL leaves out.
_STANDARD_PORTS = {"http": ":80", "https": ":443"}


class Place(enum.Enum):
    """Where users of a proxy enter frps."""

    PORT = "port"
    """A port of its own, TCP or UDP."""
    DOMAIN = "domain"
    """A port that several proxies share, by domain."""
    DOOR = "door"
    """Nowhere in public: visitors enter through frps' own port."""


class ProxyType(ProxyKind):
    """Base of all proxy types; a row of :data:`aiofrp.registry.PROXIES` leads to each."""

    #: Where users enter.
    place: ClassVar[Place]
    #: Whether the proxy carries datagrams, not connections.
    datagrams: ClassVar[bool] = False
    #: What stands before ``://`` in the URL that users visit; empty where they need no URL.
    scheme: ClassVar[str] = ""
    #: ``None`` where the half is not built yet.
    Server: ClassVar[type[ServerHalf] | None] = None
    Client: ClassVar[MakeClient | None] = None
    Visitor: ClassVar[MakeVisitor | None] = None

    @classmethod
    def reached(cls, service: MakeClient) -> MakeClient:
        """frpc's half of a proxy whose users ``service`` serves: the local address, a plugin or this process. For most
        types users come on work connections, and it is ``service`` itself."""
        return service

    @classmethod
    def urls(cls, remote_addr: str, host: str, location: str = "") -> list[str]:
        """Where users of a running proxy go, as they type it: ``tcp://host:port``, ``http://domain/location``. None for
        a type that visitors enter. ``remote_addr`` is what frps answered, ``host`` the name or address of frps."""
        if cls.place is Place.DOOR or not remote_addr:
            return []
        if cls.place is Place.PORT:
            return [f"{cls.name}://{join_host_port(host, int(remote_addr.rpartition(':')[2] or 0))}"]
        standard = _STANDARD_PORTS.get(cls.scheme, "")
        names = [name.removesuffix(standard) if standard else name for name in remote_addr.split(",")]
        return [f"{cls.scheme}://{name}{location}" if cls.scheme else name for name in names]

    @classmethod
    def address_fields(cls, message: NewProxy, remote_addr: str) -> Mapping[str, Any]:
        """Where users reach a running proxy, as frps' API names it (docs/protocol/server.md §13.3)."""
        if cls.place is Place.PORT:
            return {"remotePort": int(remote_addr.rpartition(":")[2])}
        if cls.place is Place.DOMAIN:
            fields = {"customDomains": message.custom_domains, "subdomain": message.subdomain}
            return {key: value for key, value in fields.items() if value}
        return {}

    @classmethod
    def routing_fields(cls, message: NewProxy) -> Mapping[str, Any]:
        """The type's own fields in frps' API, those without a value too."""
        return {}


def proxy_type(name: str) -> type[ProxyType]:
    """The type that ``name`` stands for; empty stands for tcp. Raises :class:`KeyError` for a name of no type."""
    return registry.load(registry.PROXIES[name or "tcp"], ProxyType)


def visit(urls: Sequence[str]) -> str:
    """What follows the line about a proxy that has started: where to go."""
    return f", visit {urls[0]}" + (f" and {len(urls) - 1} more" if urls[1:] else "") if urls else ""

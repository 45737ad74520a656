"""A proxy type: one class that gathers its configuration, both halves and its visitor."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.proxy import ProxyKind
from aiofrp.host.contexts import MakeClient, MakeVisitor, ServerHalf


class ProxyType(ProxyKind):
    """Base of all proxy types; a row of :data:`aiofrp.registry.PROXIES` leads to each."""

    #: ``None`` where the half is not built yet.
    Server: ClassVar[type[ServerHalf] | None] = None
    Client: ClassVar[MakeClient | None] = None
    Visitor: ClassVar[MakeVisitor | None] = None

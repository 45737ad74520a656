"""A proxy type: one class that gathers its configuration, both halves and its visitor."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.host.contexts import ClientHalf, ServerHalf, VisitorHalf


class ProxyType:
    """Base of all proxy types; a row of :data:`aiofrp.registry.PROXIES` leads to each."""

    #: What ``type`` says in a configuration.
    name: ClassVar[str]
    Config: ClassVar[type[ProxyConfig]]
    #: ``None`` where the type has no visitors.
    VisitorConfig: ClassVar[type[VisitorConfig] | None] = None
    #: ``None`` where the half is not built yet.
    Server: ClassVar[type[ServerHalf] | None] = None
    Client: ClassVar[type[ClientHalf] | None] = None
    Visitor: ClassVar[type[VisitorHalf] | None] = None

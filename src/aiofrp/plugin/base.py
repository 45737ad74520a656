"""What a plugin is: one class that gathers its configuration and its behaviour.

A row of :data:`aiofrp.registry.CLIENT_PLUGINS` or :data:`aiofrp.registry.VISITOR_PLUGINS` leads to each.
"""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.proxy import PluginConfig, PluginKind, VisitorPluginConfig
from aiofrp.host.contexts import MakeClient, MakeVisitorPlugin


class ClientPlugin(PluginKind):
    """Base of client plugins: local services that frpc itself provides."""

    Config: ClassVar[type[PluginConfig]]
    Client: ClassVar[MakeClient]


class VisitorPlugin(PluginKind):
    """Base of visitor plugins: parts of frpc that are users of a visitor."""

    name: ClassVar[str]
    Config: ClassVar[type[VisitorPluginConfig]]
    Visitor: ClassVar[MakeVisitorPlugin]

"""unix_domain_socket: a local service that listens on a Unix domain socket."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig
from aiofrp.config.models.types import Str


class UnixDomainSocketPluginConfig(PluginConfig):
    """The client plugin ``unix_domain_socket``."""

    reference_name: ClassVar[str] = "UnixDomainSocketPluginOptions"

    required: ClassVar[tuple[str, ...]] = ("unix_path",)

    type: Str = field("unix_domain_socket", alias="type", help="Kind of the plugin: `unix_domain_socket`.")
    unix_path: Str = field("", alias="unixPath", help="Path of the socket.")

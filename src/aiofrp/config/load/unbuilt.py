"""Settings of frp that this release of aiofrp does not implement.

They are ignored, and the commands warn of it. The line of a setting is removed together with the change that
implements it.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.server import ServerConfig


def client_leaves_out(config: ClientConfig) -> Iterator[str]:
    """The settings of a configuration of frpc that are ignored, as the texts of a warning."""
    if beyond := [visitor.name for visitor in config.visitors if visitor.type == "xtcp"]:
        yield f"visitors of type xtcp: {', '.join(beyond)}"
    if config.virtual_net.address:
        yield "virtualNet"


def server_leaves_out(config: ServerConfig) -> Iterator[str]:
    """The settings of a configuration of frps that are ignored, by their keys."""
    if config.ssh_tunnel_gateway.bind_port:
        yield "sshTunnelGateway"

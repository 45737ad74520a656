"""What a configuration may ask for and this release does not do yet.

A setting is refused where ignoring it would change what the user relies on; any other is ignored with a warning.
A feature's line goes when the feature comes.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiofrp import registry
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import ConfigError

_LACKS = "is not in this release of aiofrp"


def refuse_client(config: ClientConfig) -> None:
    """Raises :class:`~aiofrp.errors.ConfigError` for a setting of frpc that is not supported and may not be ignored."""
    protocol = config.transport.protocol
    if protocol not in registry.TRANSPORTS:
        raise ConfigError(f'transport.protocol = "{protocol}" {_LACKS}', "transport.protocol")
    _refuse_oidc(config.auth.method)


def refuse_server(config: ServerConfig) -> None:
    """The same for a frps."""
    _refuse_oidc(config.auth.method)


def _refuse_oidc(method: str) -> None:
    if method == "oidc":
        raise ConfigError(f'auth.method = "oidc" {_LACKS}', "auth.method")


def client_leaves_out(config: ClientConfig) -> Iterator[str]:
    """What of a frpc's configuration has no effect."""
    if beyond := [visitor.name for visitor in config.visitors if visitor.type == "xtcp"]:
        yield f"visitors of type xtcp: {', '.join(beyond)}"
    if config.virtual_net.address:
        yield "virtualNet"


def server_leaves_out(config: ServerConfig) -> Iterator[str]:
    """What of a frps's configuration has no effect."""
    ports = {
        "sshTunnelGateway": config.ssh_tunnel_gateway.bind_port,
    }
    yield from (key for key, port in ports.items() if port)
    if config.http_plugins:
        yield "httpPlugins"

"""What frps knows when something failed, as facts for the catalogue of hints."""

from __future__ import annotations

from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import FrpError, Taken
from aiofrp.hints.entry import Hint
from aiofrp.hints.later import Later
from aiofrp.proxy.base import proxy_type, visit
from aiofrp.stream.base import Stream
from aiofrp.wire.addresses import address_of
from aiofrp.wire.frp.auth import matches, token_digest
from aiofrp.wire.frp.messages import Login, NewProxy

#: The ports that frps opens, by the attributes of its configuration, and the key of each one's address.
_PORTS = (
    ("bindPort", "bind_port", "bindAddr"),
    ("kcpBindPort", "kcp_bind_port", "bindAddr"),
    ("quicBindPort", "quic_bind_port", "bindAddr"),
    ("vhostHTTPPort", "vhost_http_port", "proxyBindAddr"),
    ("vhostHTTPSPort", "vhost_https_port", "proxyBindAddr"),
    ("tcpmuxHTTPConnectPort", "tcpmux_http_connect_port", "proxyBindAddr"),
)


def refused(error: FrpError, message: NewProxy) -> Later:
    """The error about a proxy that was refused, with a hint that names the proxy that has what was asked for."""
    return Later("proxy", error.text, lambda: _proxy_facts(error, message))


def login_refused(error: FrpError, message: Login, address: str, config: ServerConfig) -> Later:
    """The error about a login from ``address`` that was refused, with a hint by what the login has."""
    return Later("admission", error.text, lambda: _login_facts(message, address, config))


def visit_text(message: NewProxy, remote_addr: str, control: Stream | None) -> str:
    """What follows the line about a proxy that has started. Its address is that to which the client of the connection
    ``control`` connected."""
    host, _ = address_of(control.info("sockname") if control is not None else None)
    return visit(proxy_type(message.proxy_type).urls(remote_addr, host, next(iter(message.locations), "")))


def listen_hint(error: FrpError, config: ServerConfig) -> Hint | None:
    """The hint about a port that frps cannot open, or a file that it needs for it."""
    from aiofrp.hints.catalogue import find  # here, as the rows are needed only when something failed

    key, address_key, port = _port_of(error.text, config)
    facts = {"key": key, "address_key": address_key, "low": "yes" if 0 < port < 1024 else "no"}
    return find("listen", error.text, facts)


def _proxy_facts(error: FrpError, message: NewProxy) -> dict[str, str]:
    facts = {
        "name": message.proxy_name,
        "type": message.proxy_type or "tcp",
        "remote_port": str(message.remote_port),
        "subdomain": message.subdomain,
    }
    if isinstance(error, Taken):
        facts |= {"side": "frps", "holder": error.holder}
    return facts


def _login_facts(message: Login, address: str, config: ServerConfig) -> dict[str, str]:
    nothing = matches(message.privilege_key, token_digest("", message.timestamp))
    return {
        "address": address,
        "token": "set" if config.auth.token.reveal() else "empty",
        "sent": "nothing" if nothing or not message.privilege_key else "another",
    }


def _port_of(text: str, config: ServerConfig) -> tuple[str, str, int]:
    """The key of the port that ``text`` is about, that of its address, and its number."""
    web, ssh = config.web_server.port, config.ssh_tunnel_gateway.bind_port
    ports = [(key, address, getattr(config, name)) for key, name, address in _PORTS]
    ports += [("webServer.port", "webServer.addr", web), ("sshTunnelGateway.bindPort", "bindAddr", ssh)]
    return next((row for row in ports if row[2] and f":{row[2]}: bind" in text), ("port", "bindAddr", 0))

"""What frpc knows when something failed, as facts for the catalogue of hints."""

from __future__ import annotations

import os
import socket
import time
from urllib.parse import urlsplit

from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.proxy import DomainConfig, ProxyConfig, VisitorConfig
from aiofrp.errors import FrpError
from aiofrp.hints.catalogue import find
from aiofrp.hints.entry import Hint
from aiofrp.hints.peers import recognised
from aiofrp.proxy.datagrams.udpsocket import REFUSED
from aiofrp.proxy.explain import datagram_facts
from aiofrp.transport.outbound import without_password
from aiofrp.transport.resolve import resolve
from aiofrp.wire.addresses import join_host_port

#: What an error about a connection says where the addresses of the server have no way to them.
_NO_WAY = ("unreachable", "not supported", "assign requested address")


async def connect_hint(error: FrpError, config: ClientConfig) -> Hint | None:
    """The hint about a server that could not be reached."""
    facts = _server_facts(error, config)
    if any(text in error.text for text in _NO_WAY):
        facts["family"] = await _family(config)
    return find("connect", error.text, facts)


def login_hint(error: FrpError, config: ClientConfig, *, answered: bool) -> Hint | None:
    """The hint about a login that failed. ``answered``: see :attr:`aiofrp.transport.base.Session.answered`."""
    auth = config.auth
    token = "oidc" if auth.method == "oidc" else "set" if auth.token else "empty"
    facts = _server_facts(error, config) | {"token": token, "answered": "yes" if answered else "no"}
    return find("login", error.text, facts)


def proxy_hint(error: str, config: ProxyConfig) -> Hint | None:
    """The hint about a proxy that the server, or this frpc, refused with the text ``error``."""
    if not error:
        return None
    facts = {"name": config.name, "type": config.type, "remote_port": str(getattr(config, "remote_port", ""))}
    if isinstance(config, DomainConfig):
        facts |= {"domains": ", ".join(config.custom_domains), "subdomain": config.subdomain}
    return find("proxy", error, facts)


def refusal_hint(config: ProxyConfig) -> Hint | None:
    """The hint about a UDP service that refuses datagrams."""
    return find("service", REFUSED, datagram_facts(config.local_ip, config.local_port))


def visitor_hint(error: str, config: VisitorConfig) -> Hint | None:
    """The hint about a visitor that could not start with the text ``error``."""
    if not error:
        return None
    facts = {
        "name": config.name,
        "type": config.type,
        "key": "visitors.bindPort",
        "address_key": "visitors.bindAddr",
        "low": _low(config.bind_port),
    }
    return find("visitor", error, facts)


def listen_hint(error: FrpError, config: ClientConfig) -> Hint | None:
    """The hint about the admin API that cannot listen."""
    facts = {"key": "webServer.port", "address_key": "webServer.addr", "low": _low(config.web_server.port)}
    return find("listen", error.text, facts)


def _low(port: int) -> str:
    return "yes" if 0 < port < 1024 else "no"


def _server_facts(error: FrpError, config: ClientConfig) -> dict[str, str]:
    transport, host, port = config.transport, config.server_addr, config.server_port
    always = transport.protocol in ("wss", "quic")
    facts = {
        "host": host,
        "port": str(port),
        "where": join_host_port(host, port),
        "protocol": transport.protocol,
        "tls": "on" if transport.tls.enable or always else "off",
        "mux": "on" if transport.tcp_mux else "off",
        "wire": transport.wire_protocol,
        "local_ip": transport.connect_server_local_ip,
        "now": time.strftime("%Y-%m-%d %H:%M"),
    }
    if error.seen:
        facts |= recognised(error.seen)
    if transport.proxy_url and transport.protocol not in ("kcp", "quic"):
        facts |= _proxy_facts(transport.proxy_url)
    return facts


def _proxy_facts(url: str) -> dict[str, str]:
    """Facts about the proxy on the way; one that is that of the environment is taken to come from there."""
    environment = os.environ.get("http_proxy") or os.environ.get("HTTP_PROXY")
    try:
        where = urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        where = ""
    source = "environment" if url == environment else "file"
    return {"proxy": source, "proxy_where": where or without_password(url)}


async def _family(config: ClientConfig) -> str:
    """``ipv6`` where the server has IPv6 addresses only."""
    try:
        found = await resolve(config.server_addr, config.server_port)
    except FrpError:
        return ""
    return "ipv6" if found and all(info[0] == socket.AF_INET6 for info in found) else "ipv4"

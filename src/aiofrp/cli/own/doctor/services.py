"""Checks of what a frpc's proxies and visitors need on this side: services, plugins, ports, domains."""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

from aiofrp.cli.own.doctor import reach
from aiofrp.cli.own.doctor.certificates import file_findings
from aiofrp.cli.own.doctor.report import (
    Explain,
    Finding,
    Outcome,
    known,
    note,
    ok,
    problem,
    skipped,
    warning,
)
from aiofrp.config.models.proxy import DomainConfig, ProxyConfig, VisitorConfig
from aiofrp.config.models.shared import TlsConfig
from aiofrp.errors import FrpError
from aiofrp.proxy.explain import datagram_facts, service_facts
from aiofrp.transport.net import dial_unix
from aiofrp.transport.resolve import resolve, split_address
from aiofrp.wire.addresses import join_host_port

#: Seconds that a local service has to take a connection.
TIMEOUT = 3.0


async def service(proxy: ProxyConfig) -> Finding:
    """The local service of a proxy, or what its plugin needs. Raises an error of the network."""
    if proxy.plugin is not None:
        return await _plugin(proxy.plugin)
    if not proxy.local_port:
        return skipped("it has no localPort")
    where = join_host_port(proxy.local_ip, proxy.local_port)
    if proxy.type in ("udp", "sudp"):
        return await reach.udp_service(proxy.local_ip, proxy.local_port)
    await reach.tcp(proxy.local_ip, proxy.local_port, TIMEOUT)
    return ok(f"the service at {where} accepts connections")


def service_fix(proxy: ProxyConfig) -> str:
    """What to do when :func:`service` fails."""
    if proxy.plugin is not None:
        return f"see the settings of plugin {proxy.plugin.type}"
    return f"start the service, or correct localIP and localPort of [{proxy.name}]"


def explain(proxy: ProxyConfig) -> Explain:
    """Finds the hint about an error of :func:`service`."""
    host, port = proxy.local_ip, proxy.local_port
    if proxy.plugin is not None:
        address = getattr(proxy.plugin, "local_addr", "")
        host, port = split_address(address, 443 if proxy.plugin.type.endswith("https") else 80)
    facts = datagram_facts if proxy.type in ("udp", "sudp") else service_facts
    return known("service", lambda: facts(host or "127.0.0.1", port))


async def _plugin(plugin: Any) -> Finding:
    """What a plugin needs; what that is follows from the settings it has."""
    if path := getattr(plugin, "unix_path", ""):
        return await _unix(path)
    if folder := getattr(plugin, "local_path", ""):
        return _folder(folder)
    files = TlsConfig(cert_file=getattr(plugin, "crt_path", ""), key_file=getattr(plugin, "key_path", ""))
    bad = [
        found
        for found in file_findings(files, plugin.type, server_side=True)
        if found.outcome is not Outcome.OK
    ]
    if bad:
        return bad[0]
    if address := getattr(plugin, "local_addr", ""):
        host, port = split_address(address, 443 if plugin.type.endswith("https") else 80)
        await reach.tcp(host or "127.0.0.1", port, TIMEOUT)
        return ok(f"plugin {plugin.type}: {address} accepts connections")
    return ok(f"plugin {plugin.type} needs nothing outside")


async def _unix(path: str) -> Finding:
    stream = await dial_unix(path, timeout=TIMEOUT)
    stream.abort()
    return ok(f"the socket {path} accepts connections")


def _folder(path: str) -> Finding:
    if not stat.S_ISDIR(os.stat(path).st_mode):
        return problem(f"{path} is no folder", "correct localPath")
    if not os.access(path, os.R_OK | os.X_OK):
        return problem(f"the folder {path} cannot be read", "change its permissions")
    return ok(f"the folder {path} can be read")


async def remote_port(server: str, port: int) -> Finding:
    """Whether a port of the server is free, as far as that can be known without a proxy."""
    where = join_host_port(server, port)
    try:
        await reach.tcp(server, port, TIMEOUT)
    except FrpError as error:
        if "refused" in str(error):
            return ok(f"{where} is free")
        return warning(f"{error}", "a firewall may block the port; --try-proxies asks the server for it")
    fix = "with this frpc running that is right; otherwise another program has the port: choose another remotePort"
    return note(f"{where} accepts connections already; {fix}")


async def domain(name: str, server: str) -> Finding:
    """Whether a domain leads to the server."""
    asked = name.replace("*", "aiofrp-doctor", 1)
    try:
        theirs = {str(info[4][0]) for info in await resolve(server, 0)}
        found = {str(info[4][0]) for info in await resolve(asked, 0)}
    except FrpError as error:
        return warning(f"{name}: {error}", "add a DNS record that leads to the server")
    if found & theirs:
        return ok(f"{name} leads to the server")
    text = f"{name} is {', '.join(sorted(found))}, the server is {', '.join(sorted(theirs))}"
    return warning(text, "add a DNS record, unless something in front of frps has that address")


def domains_of(proxy: ProxyConfig) -> tuple[str, ...]:
    """The custom domains of a proxy."""
    return proxy.custom_domains if isinstance(proxy, DomainConfig) else ()


def visitor_port(visitor: VisitorConfig) -> Finding:
    """Whether the port of a visitor is free."""
    if visitor.bind_port <= 0:
        return skipped("it listens on no port")
    kind = socket.SOCK_DGRAM if visitor.type == "sudp" else socket.SOCK_STREAM
    where = join_host_port(visitor.bind_addr, visitor.bind_port)
    if reach.is_free(kind, visitor.bind_addr, visitor.bind_port):
        return ok(f"{where} is free")
    return note(f"{where} is in use; with this frpc running that is right, otherwise choose another bindPort")

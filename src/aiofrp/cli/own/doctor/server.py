"""All checks of a frps' configuration: this machine, ports, certificates, who may use it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from aiofrp.cli.own.doctor import certificates, login, machine, reach, services
from aiofrp.cli.own.doctor.report import Finding, Outcome, Report, fix_of, note, ok, problem, settled, warning
from aiofrp.config.load.valuesource import resolve_token
from aiofrp.config.load.warnings import only_here
from aiofrp.config.models.client import ClientConfig, ClientTransport
from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import FrpError
from aiofrp.server.explain import listen_hint
from aiofrp.transport.net import ListenFailed, bind_tcp, bind_udp
from aiofrp.transport.resolve import resolve, split_address
from aiofrp.wire.addresses import join_host_port

#: Characters of a token that somebody can guess.
_SHORT = 8
#: Where a server is reached that listens on all addresses.
_LOCAL = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class _OwnPort:
    """A port that the configuration opens."""

    key: str
    kind: socket.SocketKind
    host: str
    number: int


class ServerChecks:
    """Checks of one frps."""

    def __init__(self, config: ServerConfig, report: Report) -> None:
        self._config = config
        self._report = report
        self._running = False  # a frps runs with this token

    async def run(self) -> None:
        """Do them all."""
        machine.check_machine(self._report, self._config.log)
        await self._token()
        await self._login()
        for port in self._ports():
            self._report.add(port.key, self._port(port))
        self._report.add("allowed ports", allowed(self._config))
        for finding in certificates.file_findings(
            self._config.transport.tls, "transport.tls", server_side=True
        ):
            self._report.add("certificate files", finding)
        self._dashboard()
        await self._domains()
        for plugin in self._config.http_plugins:
            host, number = split_address(
                plugin.addr.rpartition("://")[2], 443 if "https" in plugin.addr else 80
            )
            work = reach.tcp(host, number, services.TIMEOUT)
            await self._report.check(f"plugin {plugin.name}", work, "start the plugin, or correct its addr")

    async def _token(self) -> None:
        config = self._config
        if config.auth.method != "token":
            self._report.add("token", note(f"auth.method is {config.auth.method}"))
            return

        async def read() -> Finding:
            token = await asyncio.to_thread(resolve_token, config.auth)
            auth = config.auth.model_copy(update={"token": token})
            self._config = config.model_copy(update={"auth": auth})
            return token_finding(token.reveal(), config.bind_addr)

        await self._report.check("token", read(), "see auth.tokenSource")

    async def _login(self) -> None:
        """Log in to the frps that runs with this file, if one does."""
        config = self._config
        host, number = _LOCAL.get(config.bind_addr, config.bind_addr), config.bind_port
        try:
            await reach.tcp(host, number, services.TIMEOUT)
        except FrpError:
            self._report.add(
                "running",
                note(f"nothing listens on {join_host_port(host, number)}: this frps does not run now"),
            )
            return
        if config.auth.method != "token" or config.transport.tls.trusted_ca_file:
            self._report.add(
                "running", note("something listens on bindPort; a login needs a client's credentials")
            )
            return
        transport = ClientTransport(tcp_mux=config.transport.tcp_mux)
        client = ClientConfig(server_addr=host, server_port=number, transport=transport)
        auth = client.auth.model_copy(update={"token": config.auth.token})
        found = await self._report.check(
            "running",
            login.login(client.model_copy(update={"auth": auth})),
            "another program has bindPort, or frps runs with another file",
        )
        self._running = found.outcome is not Outcome.PROBLEM

    def _ports(self) -> Iterator[_OwnPort]:
        config = self._config
        bind, proxies = config.bind_addr, config.proxy_bind_addr or config.bind_addr
        rows = (
            ("bindPort", socket.SOCK_STREAM, bind, config.bind_port),
            ("kcpBindPort", socket.SOCK_DGRAM, bind, config.kcp_bind_port),
            ("quicBindPort", socket.SOCK_DGRAM, bind, config.quic_bind_port),
            ("vhostHTTPPort", socket.SOCK_STREAM, proxies, config.vhost_http_port),
            ("vhostHTTPSPort", socket.SOCK_STREAM, proxies, config.vhost_https_port),
            ("tcpmuxHTTPConnectPort", socket.SOCK_STREAM, proxies, config.tcpmux_http_connect_port),
            ("sshTunnelGateway.bindPort", socket.SOCK_STREAM, bind, config.ssh_tunnel_gateway.bind_port),
            ("webServer.port", socket.SOCK_STREAM, config.web_server.addr, config.web_server.port),
        )
        return (_OwnPort(*row) for row in rows if row[3] > 0)

    def _port(self, port: _OwnPort) -> Finding:
        where = join_host_port(port.host, port.number)
        try:
            (bind_tcp if port.kind is socket.SOCK_STREAM else bind_udp)(port.host, port.number).close()
        except ListenFailed as error:
            if self._running and "in use" in str(error):
                return ok(f"{where} is open, by the frps that runs")
            return problem(error.text, fix_of(listen_hint(error, self._config), "choose another port"))
        return ok(f"{where} is free")

    def _dashboard(self) -> None:
        web = self._config.web_server
        if web.port <= 0:
            return
        if not (web.user or web.password.reveal()) and not only_here(web.addr):
            text = f"everybody who reaches {join_host_port(web.addr, web.port)} may use it"
            self._report.add(
                "dashboard", warning(text, "set webServer.user and webServer.password, or addr 127.0.0.1")
            )
        if web.tls is not None:
            for finding in certificates.file_findings(web.tls, "webServer.tls", server_side=True):
                self._report.add("dashboard", finding)

    async def _domains(self) -> None:
        domain = self._config.sub_domain_host
        if domain:
            await self._report.check("subDomainHost", _wildcard(domain))


async def _wildcard(domain: str) -> Finding:
    finding = await settled(_resolved(f"aiofrp-doctor.{domain}"))
    if finding.outcome is Outcome.OK:
        return ok(f"*.{domain} is {finding.text}")
    return warning(f"*.{domain}: {finding.text}", f"add a DNS record *.{domain} that leads to this machine")


async def _resolved(name: str) -> Finding:
    return ok(", ".join(sorted({str(info[4][0]) for info in await resolve(name, 0)})))


def token_finding(token: str, bind_addr: str) -> Finding:
    """What is to be said about the token of a server that listens on ``bind_addr``."""
    if not token:
        if only_here(bind_addr):
            return note("there is none; only this machine reaches bindAddr")
        return warning(
            "there is none: everybody who reaches bindPort can use this server",
            "set auth.token, the same in every frpc",
        )
    if len(token) < _SHORT:
        return warning(f"it has {len(token)} characters", "take a random one: `openssl rand -base64 24`")
    return ok(f"set, {len(token)} characters")


def allowed(config: ServerConfig) -> Finding:
    """What ports clients may take, and whether the server's own are among them."""
    pairs = [item.pair for item in config.allow_ports]
    own = {config.bind_port, config.vhost_http_port, config.vhost_https_port, config.web_server.port} - {0}
    if not pairs:
        return note("clients may use every port; allowPorts can limit this")
    count = sum(last - first + 1 for first, last in pairs)
    inside = sorted(port for port in own if any(first <= port <= last for first, last in pairs))
    text = f"{count} ports"
    if inside:
        return warning(
            f"{text}; the server's own ports {', '.join(map(str, inside))} are among them",
            "take them out of allowPorts",
        )
    return ok(text)

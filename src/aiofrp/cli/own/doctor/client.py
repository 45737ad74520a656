"""All checks of a frpc's configuration, from the inside out: this machine, the way to the server, the proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from aiofrp.cli.own.doctor import certificates, login, machine, reach, services
from aiofrp.cli.own.doctor.report import (
    Finding,
    Outcome,
    Report,
    note,
    ok,
    problem,
    settled,
    skipped,
    warning,
)
from aiofrp.client.dialing import dial_options
from aiofrp.client.hints.facts import connect_hint
from aiofrp.config.load.valuesource import resolve_token
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.errors import FrpError
from aiofrp.hints.entry import Hint
from aiofrp.transport.base import DialOptions, transport_of
from aiofrp.transport.resolve import use_dns_server

#: Proxies that are checked at once, and checks of proxies that are shown although nothing is wrong.
_AT_ONCE, _MOST_SHOWN = 16, 30


class ClientChecks:
    """Checks of one frpc."""

    def __init__(self, config: ClientConfig, report: Report, *, try_proxies: bool) -> None:
        """``try_proxies``: register each proxy for a moment, too."""
        self._config = config
        self._report = report
        self._try_proxies = try_proxies

    async def run(self) -> None:
        """Do them all."""
        machine.check_machine(self._report, self._config.log)
        if self._config.dns_server:
            use_dns_server(self._config.dns_server)
        await self._token()
        if await self._server():
            await self._login()
        await self._proxies()
        for visitor in self._config.visitors:
            self._report.add(f"{visitor.name}: port", services.visitor_port(visitor))
        await self._nat()

    async def _token(self) -> None:
        auth = self._config.auth
        if auth.token_source is None or auth.method != "token":
            return

        async def read() -> Finding:
            token = await asyncio.to_thread(resolve_token, auth)
            self._config = self._config.model_copy(update={"auth": auth.model_copy(update={"token": token})})
            return ok(f"read from its {auth.token_source.type if auth.token_source else ''}")

        await self._report.check("token source", read(), "see auth.tokenSource")

    # The way to the server

    async def _server(self) -> bool:
        """Whether a login can be tried."""
        config, report = self._config, self._report
        timeout = float(config.transport.dial_server_timeout)
        if config.transport.proxy_url:
            work = reach.outbound_proxy(config.transport.proxy_url, timeout)
            fix = "see transport.proxyURL, or http_proxy in the environment"
            found = await report.check("outbound proxy", work, fix, self._explain)
            return found.outcome is not Outcome.PROBLEM
        work = reach.name(config.server_addr, config.server_port)
        named = await report.check("name", work, _NAME_FIX, self._explain)
        if named.outcome is Outcome.PROBLEM:
            return False
        reached = await report.check(
            f"reach ({config.transport.protocol})", self._reached(timeout), self._reach_fix(), self._explain
        )
        if reached.outcome is Outcome.PROBLEM:
            await self._other_ways(timeout)
        return reached.outcome is not Outcome.PROBLEM

    def _reached(self, timeout: float) -> Awaitable[Finding]:
        config = self._config
        if config.transport.protocol == "quic":
            return reach.quic(config.server_addr, config.server_port)
        if config.transport.protocol == "kcp":
            return reach.kcp(config.server_addr, config.server_port)
        local = config.transport.connect_server_local_ip
        return reach.tcp(config.server_addr, config.server_port, timeout, local)

    async def _explain(self, error: FrpError) -> Hint | None:
        """The hint about an error on the way to the server."""
        return await connect_hint(error, self._config)

    def _reach_fix(self) -> str:
        protocol = self._config.transport.protocol
        port = {"kcp": "kcpBindPort", "quic": "quicBindPort"}.get(protocol, "bindPort")
        udp = " for UDP" if transport_of(protocol).over_datagrams else ""
        return f"does frps run there, is serverPort its {port}, and is the port open{udp} in every firewall?"

    async def _other_ways(self, timeout: float) -> None:
        """Whether the server can be reached another way than the configured one."""
        config = self._config
        over_udp = transport_of(config.transport.protocol).over_datagrams
        work = (
            reach.tcp(config.server_addr, config.server_port, timeout)
            if over_udp
            else reach.quic(config.server_addr, config.server_port)
        )
        finding = await settled(work)
        if finding.outcome is Outcome.OK:
            other = "tcp" if over_udp else "quic"
            self._report.add(
                f"reach ({other})", note(f'{finding.text}: transport.protocol = "{other}" may work')
            )

    async def _login(self) -> None:
        config, report = self._config, self._report
        tls, protocol = config.transport.tls, config.transport.protocol
        for finding in certificates.file_findings(tls, "transport.tls", server_side=False):
            report.add("certificate files", finding)
        options = dial_options(config)
        if protocol in ("tcp", "websocket", "wss"):
            if options.tls is None:
                report.add(
                    "TLS",
                    warning("off: others on the network can read the data", "set transport.tls.enable"),
                )
            else:
                work = self._certificate(options)
                fix = "is it frps that listens there? See transport.tls and transport.protocol"
                await report.check("TLS", work, fix, self._explain)
        await report.check("login", login.login(config), _LOGIN_FIX)

    async def _certificate(self, options: DialOptions) -> Finding:
        transport = self._config.transport
        async with asyncio.timeout(2 * options.timeout):  # of two connections
            return await certificates.server_finding(options, transport.protocol, transport.tls)

    # Proxies

    async def _proxies(self) -> None:
        proxies = self._config.proxies
        if not proxies:
            self._report.add("proxies", note("there are none to start"))
        limit = asyncio.Semaphore(_AT_ONCE)

        async def limited(proxy: ProxyConfig) -> list[tuple[str, Finding]]:
            async with limit:
                return await self._proxy(proxy)

        found = [item for items in await asyncio.gather(*map(limited, proxies)) for item in items]
        if self._try_proxies:
            found += await self._tried()
        kept = (
            found
            if len(found) <= _MOST_SHOWN
            else [item for item in found if item[1].outcome is not Outcome.OK]
        )
        for name, finding in kept:
            self._report.add(name, finding)
        if len(kept) < len(found):
            self._report.add(
                "proxies",
                ok(f"{len(found) - len(kept)} further checks of {len(proxies)} proxies found nothing"),
            )

    async def _proxy(self, proxy: ProxyConfig) -> list[tuple[str, Finding]]:
        server, name = self._config.server_addr, proxy.name
        work = services.service(proxy)
        checks = [(f"{name}: service", settled(work, services.service_fix(proxy), services.explain(proxy)))]
        port = getattr(proxy, "remote_port", 0)
        if port and proxy.type == "tcp" and not self._config.transport.proxy_url:
            checks.append((f"{name}: remote port", settled(services.remote_port(server, port))))
        for domain in services.domains_of(proxy):
            checks.append((f"{name}: domain", settled(services.domain(domain, server))))
        return [(check, await finding) for check, finding in checks]

    async def _tried(self) -> list[tuple[str, Finding]]:
        try:
            return [(f"{name}: server", found) for name, found in await login.try_proxies(self._config)]
        except FrpError as error:
            return [("proxies", problem(f"they could not be tried: {error}"))]

    # NAT

    async def _nat(self) -> None:
        config = self._config
        if "xtcp" not in {*(item.type for item in config.proxies), *(item.type for item in config.visitors)}:
            return
        await self._report.check(
            "NAT",
            _nat_of(config.nat_hole_stun_server),
            "see natHoleStunServer; STUN needs UDP to the outside",
        )


async def _nat_of(servers: str) -> Finding:
    """The kind of NAT in front of this machine. Raises :class:`~aiofrp.errors.FrpError`."""
    from aiofrp.cli.nathole import chances
    from aiofrp.nat.classify import classify
    from aiofrp.nat.discover import discover, servers_of
    from aiofrp.nat.interfaces import local_addresses

    if not servers_of(servers):
        return skipped("natHoleStunServer is empty")
    found = await discover(servers_of(servers))
    found.socket.close()
    nat = classify(found.mapped, local_addresses())
    return ok(
        f"{nat.type}, {nat.behavior}, seen as {' '.join(found.mapped)}; direct connections {chances(nat)}"
    )


_NAME_FIX = "is serverAddr spelled right, and does this machine's DNS work? dnsServer chooses another one"
_LOGIN_FIX = "auth, transport.tcpMux, transport.tls and transport.wireProtocol must fit the server's file"

"""Names are compared in one spelling: who writes a domain in another way gets neither what the server gives away nor
what somebody else has, and visitors reach a service however they write its name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiofrp.server.service import Server
from tests.support.peers import GoPeers
from tests.support.ports import free_port
from tests.support.procs import frpc
from tests.support.services import web_server
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    exchange,
    running_client,
    running_server,
    server_config,
)
from tests.support.vhosts import refusals

KINDS = ("http", "https", "tcpmux")
#: What another client asks for to get the visitors of ``shop.frp.test``.
SPELLINGS = [
    "*.FRP.test",
    "shop.Frp.Test",
    "shop.frp.test.",
    "SHOP.frp.test:8080",
    "*.frp.test..",
    "*.shop.frp.TEST",
]


def proxy(kind: str, name: str, local: int, line: str) -> str:
    mux = 'multiplexer = "httpconnect"\n' if kind == "tcpmux" else ""
    return f'[[proxies]]\nname = "{name}"\ntype = "{kind}"\nlocalPort = {local}\n{line}\n{mux}'


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, int]]:
    """frps for subdomains of FRP.test., and its HTTP port."""
    port = free_port()
    keys = f"vhostHTTPPort = {port}\nvhostHTTPSPort = {free_port()}\ntcpmuxHTTPConnectPort = {free_port()}\n"
    async with running_server(server_config('subDomainHost = "FRP.test."\n' + keys)) as server:
        yield server, port


@pytest.mark.parametrize("kind", KINDS)
async def test_no_spelling_of_a_domain_below_the_subdomain_host_is_given_away(kind: str) -> None:
    async with serving() as (server, _):
        toml = "".join(
            proxy(kind, f"p{number}", 1, f'customDomains = ["{domain}"]')
            for number, domain in enumerate(SPELLINGS)
        )
        async with running_client(client_config(server.address[1], toml)) as client:
            assert refusals(client) == {
                f"p{number}": f"custom domain [{domain}] should not belong to subdomain host [frp.test]"
                for number, domain in enumerate(SPELLINGS)
            }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spelling", ["a.TEST", "A.test.", "a.test:80"])
async def test_no_spelling_takes_the_domain_of_another_proxy(kind: str, spelling: str) -> None:
    async with serving() as (server, _):
        toml = proxy(kind, "a", 1, 'customDomains = ["a.test"]')
        toml += proxy(kind, "b", 1, f'customDomains = ["{spelling}"]')
        async with running_client(client_config(server.address[1], toml)) as client:
            assert refusals(client) == {"a": "", "b": "router config conflict"}


@pytest.mark.parametrize("kind", KINDS)
async def test_members_of_a_group_may_spell_their_domain_in_several_ways(kind: str) -> None:
    group = '\nloadBalancer.group = "g"'
    async with serving() as (server, _):
        toml = proxy(kind, "a", 1, 'customDomains = ["a.test"]' + group)
        toml += proxy(kind, "b", 1, 'customDomains = ["A.Test."]' + group)
        async with running_client(client_config(server.address[1], toml)) as client:
            assert refusals(client) == {"a": "", "b": ""}
            assert len(server.tables.vhosts[kind].routes) == 1
        async with asyncio.timeout(PATIENCE):
            while len(server.tables.vhosts[kind].routes):
                await asyncio.sleep(0.01)


async def test_visitors_reach_a_service_however_they_write_its_name() -> None:
    with web_server({"/": b"the shop"}) as web:
        async with serving() as (server, port):
            toml = proxy("http", "a", web.port, 'subdomain = "Shop"')
            toml += proxy("http", "b", web.port, 'customDomains = ["One.Test.:80"]')
            async with running_client(client_config(server.address[1], toml)):
                for host in (
                    "shop.frp.test",
                    "SHOP.FRP.TEST.",
                    "Shop.frp.test:80",
                    "one.test",
                    "ONE.test.:8080",
                ):
                    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                    assert (await exchange(port, request.encode())).endswith(b"the shop"), host


async def test_clients_of_frp_get_no_other_spelling(tmp_path: Path, go_peers: GoPeers) -> None:
    async with serving() as (server, _):
        toml = f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\n'
        toml += proxy("http", "evil", 1, 'customDomains = ["*.FRP.test"]')
        toml += proxy("http", "good", 1, 'customDomains = ["*.OTHER.test"]')
        async with frpc(tmp_path, toml, side="go") as program:
            assert "[good]" in await program.line("start proxy success")
            await program.line(r"\[evil\] start error: custom domain \[\*\.FRP\.test\] should not belong")

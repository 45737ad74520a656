"""Checks of local services, plugins, ports and domains."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from aiofrp.cli.own.doctor import services
from aiofrp.cli.own.doctor.report import Finding, Outcome, settled
from aiofrp.config.models.proxy import ProxyConfig
from tests.support.services import silent
from tests.support.tunnel import client_config


def proxy(toml: str) -> ProxyConfig:
    (made,) = client_config(1, f'[[proxies]]\nname = "a"\n{toml}').proxies
    return made


async def found(toml: str) -> Finding:
    made = proxy(toml)
    return await settled(services.service(made), services.service_fix(made), services.explain(made))


async def test_local_services(free_port: int) -> None:
    with silent() as port:
        assert (await found(f'type = "tcp"\nlocalPort = {port}')).outcome is Outcome.OK
        plugin = f'type = "tcp"\n[proxies.plugin]\ntype = "http2http"\nlocalAddr = "127.0.0.1:{port}"'
        assert (await found(plugin)).outcome is Outcome.OK
        assert (await services.remote_port("127.0.0.1", port)).outcome is Outcome.NOTE
    gone = await found(f'type = "tcp"\nlocalPort = {free_port}')
    assert gone.outcome is Outcome.PROBLEM
    assert gone.fix.startswith(f"nothing listens on 127.0.0.1:{free_port}")
    refused = await found(f'type = "udp"\nlocalPort = {free_port}')
    assert refused.outcome is Outcome.PROBLEM
    assert refused.fix.startswith(f"no program listens on UDP port {free_port} of 127.0.0.1")
    assert (await services.remote_port("127.0.0.1", free_port)).text == f"127.0.0.1:{free_port} is free"


async def test_plugins(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    unix = f'type = "tcp"\n[proxies.plugin]\ntype = "unix_domain_socket"\nunixPath = "{path}"'
    assert (await found(unix)).outcome is Outcome.PROBLEM
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(path)
        service.listen()
        assert (await found(unix)).outcome is Outcome.OK
    folder = 'type = "tcp"\n[proxies.plugin]\ntype = "static_file"\nlocalPath = "{}"'
    (tmp_path / "file").write_text("x")
    for name, outcome in (
        (tmp_path, Outcome.OK),
        (tmp_path / "file", Outcome.PROBLEM),
        ("/none", Outcome.PROBLEM),
    ):
        assert (await found(folder.format(name))).outcome is outcome
    tls = (
        'type = "tcp"\n[proxies.plugin]\ntype = "https2http"\nlocalAddr = "127.0.0.1:1"\ncrtPath = "/none"\n'
    )
    assert "open /none" in (await found(tls + 'keyPath = "/none"')).text
    assert (await found('type = "tcp"\n[proxies.plugin]\ntype = "socks5"')).outcome is Outcome.OK


async def test_domains() -> None:
    made = proxy('type = "http"\nlocalPort = 1\ncustomDomains = ["localhost", "*.invalid"]')
    assert services.domains_of(made) == ("localhost", "*.invalid")
    assert (await services.domain("localhost", "localhost")).outcome is Outcome.OK
    other = await services.domain("127.0.0.2", "127.0.0.1")
    assert (other.outcome, other.text) == (Outcome.WARNING, "127.0.0.2 is 127.0.0.2, the server is 127.0.0.1")
    assert (await services.domain("*.invalid", "127.0.0.1")).text == (
        "*.invalid: lookup aiofrp-doctor.invalid: no such host"
    )


async def test_ports_of_visitors(free_port: int) -> None:
    toml = '[[visitors]]\nname = "v"\ntype = "{}"\nserverName = "s"\nbindPort = {}\n'
    for kind, socket_kind in (("stcp", socket.SOCK_STREAM), ("sudp", socket.SOCK_DGRAM)):
        (visitor,) = client_config(1, toml.format(kind, free_port)).visitors
        assert services.visitor_port(visitor).outcome is Outcome.OK
        with socket.socket(type=socket_kind) as taken:
            taken.bind(("127.0.0.1", free_port))
            assert (await asyncio.to_thread(services.visitor_port, visitor)).outcome is Outcome.NOTE
    (visitor,) = client_config(1, toml.format("stcp", -1)).visitors
    assert services.visitor_port(visitor).outcome is Outcome.SKIPPED

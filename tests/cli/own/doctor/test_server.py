"""All checks of a frps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aiofrp.cli.own.doctor import login, server
from aiofrp.cli.own.doctor.report import Finding, Outcome, Report
from aiofrp.config.models.server import ServerConfig
from aiofrp.transport.net import ListenFailed
from tests.support.certs import authority
from tests.support.services import silent
from tests.support.tunnel import running_server, server_config


async def checked(config: ServerConfig) -> dict[str, Finding]:
    """The finding of each check by name; the last of those with one name."""
    report = Report(lambda _: None)
    await server.ServerChecks(config, report).run()
    return {finding.name: finding for finding in report.findings}


async def test_a_frps_that_runs_and_one_that_does_not(free_ports: Callable[[], int], tmp_path: Path) -> None:
    pair = authority()
    (tmp_path / "crt").write_bytes(pair.certificate)
    (tmp_path / "key").write_bytes(pair.key)
    config = server_config(
        f'auth.token = "a-long-token"\nkcpBindPort = {free_ports()}\nvhostHTTPPort = {free_ports()}\n'
        f'subDomainHost = "x.invalid"\nwebServer.port = {free_ports()}\nallowPorts = [{{ start = 1, end = 9 }}]\n'
        f'transport.tls.certFile = "{tmp_path}/crt"\ntransport.tls.keyFile = "{tmp_path}/key"\n'
        f'[[httpPlugins]]\nname = "p"\naddr = "127.0.0.1:{free_ports()}"\nops = ["Login"]\n',
        port=free_ports(),
    )
    config = config.model_copy(update={"http_plugins": config.http_plugins})
    found = await checked(config)
    for name in ("token", "bindPort", "kcpBindPort", "vhostHTTPPort", "webServer.port", "allowed ports"):
        assert found[name].outcome is Outcome.OK, found[name]
    assert "does not run now" in found["running"].text
    assert (found["subDomainHost"].outcome, found["plugin p"].outcome) == (Outcome.WARNING, Outcome.PROBLEM)
    assert "frp.test" in found["certificate files"].text
    config = config.model_copy(update={"http_plugins": ()})
    async with running_server(config):
        found = await checked(config)
        assert found["running"].text.startswith("token accepted")
        assert found["bindPort"].text.endswith("is open, by the frps that runs")


async def test_another_program_has_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_PATIENCE", 0.1)  # it says nothing
    with silent() as port:
        found = await checked(server_config('auth.token = "a-long-token"', port=port))
    assert (found["running"].outcome, found["bindPort"].outcome) == (Outcome.PROBLEM, Outcome.PROBLEM)


def test_a_privileged_port(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(host: str, port: int) -> None:
        raise ListenFailed("tcp", host, port, PermissionError(13, "Permission denied"))

    monkeypatch.setattr(server, "bind_tcp", refused)
    checks = server.ServerChecks(server_config(port=443), Report(lambda _: None))
    found = checks._port(next(checks._ports()))
    assert (found.outcome, "ports below 1024 need a privilege" in found.fix) == (Outcome.PROBLEM, True)


def test_tokens() -> None:
    for token, address, outcome in (
        ("", "0.0.0.0", Outcome.WARNING),
        ("", "127.0.0.1", Outcome.NOTE),
        ("", "localhost", Outcome.NOTE),
        ("short", "", Outcome.WARNING),
        ("long enough", "", Outcome.OK),
    ):
        found = server.token_finding(token, address)
        assert found.outcome is outcome
        assert not token or token not in found.text


def test_allowed_ports_without_the_own_ones() -> None:
    config = server_config("allowPorts = [{ start = 7000, end = 7001 }, { single = 8000 }]", port=7000)
    found = server.allowed(config)
    assert (found.outcome, found.text) == (
        Outcome.WARNING,
        "3 ports; the server's own ports 7000 are among them",
    )
    assert server.allowed(server_config()).outcome is Outcome.NOTE


async def test_a_dashboard_for_everybody(free_ports: Callable[[], int]) -> None:
    config = server_config(f'webServer.addr = "0.0.0.0"\nwebServer.port = {free_ports()}', port=free_ports())
    assert (await checked(config))["dashboard"].outcome is Outcome.WARNING

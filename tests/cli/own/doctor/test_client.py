"""All checks of a frpc."""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.cli.own.doctor.client import ClientChecks
from aiofrp.cli.own.doctor.report import Outcome, Report
from aiofrp.config.models.client import ClientConfig
from tests.support import stunserver
from tests.support.services import silent
from tests.support.tunnel import client_config, running_server, server_config


async def checked(config: ClientConfig, *, try_proxies: bool = False) -> dict[str, Outcome]:
    """The outcome of each check by name, without those that depend on the machine."""
    report = Report(lambda _: None)
    await ClientChecks(config, report, try_proxies=try_proxies).run()
    depend = ("clock", "encryption")
    return {finding.name: finding.outcome for finding in report.findings if finding.name not in depend}


async def test_a_frpc_where_all_is_well(free_ports: Callable[[], int]) -> None:
    port, remote = free_ports(), free_ports()
    async with running_server(server_config('auth.token = "t"', port=port)):
        with silent() as local, stunserver.running() as stun:
            config = client_config(
                port,
                f'auth.token = "t"\nnatHoleStunServer = "{stun}"\n'
                f'[[proxies]]\nname = "a"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
                f'[[proxies]]\nname = "b"\ntype = "xtcp"\nsecretKey = "k"\nlocalPort = {local}\n'
                f'[[visitors]]\nname = "v"\ntype = "stcp"\nserverName = "s"\nbindPort = {free_ports()}\n',
            )
            assert await checked(config, try_proxies=True) == {
                "versions": Outcome.NOTE,
                "open files": Outcome.OK,
                "name": Outcome.NOTE,
                "reach (tcp)": Outcome.OK,
                "TLS": Outcome.OK,
                "login": Outcome.OK,
                "a: service": Outcome.OK,
                "a: remote port": Outcome.OK,
                "b: service": Outcome.OK,
                "a: server": Outcome.OK,
                "b: server": Outcome.OK,
                "v: port": Outcome.OK,
                "NAT": Outcome.OK,
            }


async def test_a_frpc_where_nothing_is_well(free_ports: Callable[[], int]) -> None:
    port = free_ports()
    proxy = (
        f'[[proxies]]\nname = "a"\ntype = "http"\nlocalPort = {free_ports()}\ncustomDomains = ["a.invalid"]\n'
    )
    found = await checked(
        client_config(port, f'auth.tokenSource = {{ type = "file", file = {{ path = "/none" }} }}\n{proxy}')
    )
    assert found["token source"] is found["reach (tcp)"] is found["a: service"] is Outcome.PROBLEM
    assert found["a: domain"] is Outcome.WARNING
    assert "login" not in found
    found = await checked(client_config(port, 'transport.proxyURL = "http://127.0.0.1:1"'), try_proxies=True)
    assert found["outbound proxy"] is Outcome.PROBLEM
    assert found["proxies"] is Outcome.PROBLEM  # they could not be tried


async def test_a_transport_that_the_server_has_not(free_port: int) -> None:
    async with running_server(server_config("transport.tls.force = true", port=free_port)):
        found = await checked(client_config(free_port, 'transport.protocol = "quic"'))
        assert (found["reach (quic)"], found["reach (tcp)"]) == (Outcome.PROBLEM, Outcome.NOTE)
        found = await checked(client_config(free_port, "transport.tls.enable = false"))
        assert (found["TLS"], found["login"]) == (Outcome.WARNING, Outcome.PROBLEM)


async def test_many_proxies_give_few_lines(free_ports: Callable[[], int]) -> None:
    gone = free_ports()
    with silent() as local:
        proxies = "".join(
            f'[[proxies]]\nname = "p{number}"\ntype = "stcp"\nlocalPort = {gone if number == 7 else local}\n'
            for number in range(40)
        )
        found = await checked(client_config(free_ports(), proxies))
    assert found["p7: service"] is Outcome.PROBLEM
    assert found["proxies"] is Outcome.OK
    assert "p8: service" not in found


async def test_a_server_that_is_silent() -> None:
    with silent() as port:
        config = client_config(port, 'transport.protocol = "websocket"')
        hasty = config.transport.model_copy(update={"dial_server_timeout": 0.2})
        found = await checked(config.model_copy(update={"transport": hasty}))
    assert found["reach (websocket)"] is Outcome.OK
    assert found["TLS"] is found["login"] is Outcome.PROBLEM

"""A new proxy type, plugin or transport is one file and one row: those registered here work on both programs.

A hook is one class that frps gets: it may refuse what a client asks for, or change it.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aiofrp import registry
from aiofrp.cli import frpc
from aiofrp.config.flags.declared import table_text
from aiofrp.config.tools.reference import reference
from aiofrp.config.tools.schema import schema
from aiofrp.errors import LoginFailed
from aiofrp.server.vhost.ports import ListenError
from tests.support.admin import calling, running_file
from tests.support.ports import free_port
from tests.support.throwaway import Usher
from tests.support.tunnel import client_config, exchange, running_client, running_server, server_config

HERE = "tests.support.throwaway"


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PROXIES, "mirror", f"{HERE}:Mirror")
    monkeypatch.setitem(registry.CLIENT_PLUGINS, "shout", f"{HERE}:Shout")
    rows = {
        name: row for name, row in registry.TRANSPORTS.items() if name != "kcp"
    }  # whose port "aside" takes
    rows |= {"knock": f"{HERE}:Knock", "aside": f"{HERE}:Aside"}
    monkeypatch.setattr(registry, "TRANSPORTS", rows)


def mirror(remote: int, more: str = "") -> str:
    return f'[[proxies]]\nname = "glass"\ntype = "mirror"\nremotePort = {remote}\n{more}'


def shout(remote: int) -> str:
    return (
        f'[[proxies]]\nname = "loud"\ntype = "tcp"\nremotePort = {remote}\n'
        '[proxies.plugin]\ntype = "shout"\nmark = "!"\n'
    )


async def test_a_proxy_type_and_a_plugin_carry_users() -> None:
    first, second, third = free_port(), free_port(), free_port()
    layers = "transport.useEncryption = true\ntransport.useCompression = true\n"
    proxies = mirror(first, layers) + shout(second) + mirror(third).replace("glass", "pane")
    async with (
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxies)),
    ):
        assert await exchange(first, b"stressed") == b"desserts"
        assert await exchange(second, b"stressed") == b"STRESSED!"
        assert await exchange(third, b"ab") == b"ba"


async def test_the_apis_of_both_programs_show_it(tmp_path: Path) -> None:
    remote, dashboard, admin = free_port(), free_port(), free_port()
    path = tmp_path / "frpc.toml"
    async with running_server(server_config(f"webServer.port = {dashboard}\n")) as server:
        head = f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\nwebServer.port = {admin}\n'
        path.write_text(head + mirror(remote))
        async with running_file(path) as client:
            await client.proxies.settled()
            async with calling(admin) as call:
                (shown,) = json.loads((await call("GET", "/api/status"))[2])["mirror"]
                assert (shown["name"], shown["status"]) == ("glass", "running")
                assert shown["remote_addr"] == f"127.0.0.1:{remote}"
            async with calling(dashboard) as call:
                (proxy,) = json.loads((await call("GET", "/api/proxy/mirror"))[2])["proxies"]
                assert (proxy["name"], proxy["conf"]["remotePort"]) == ("glass", remote)
                answer = json.loads((await call("GET", "/api/v2/proxies?type=mirror"))[2])
                (spec,) = [item["spec"] for item in answer["data"]["items"]]
                assert spec["mirror"]["remotePort"] == remote


def test_files_with_it_are_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "frpc.toml"
    path.write_text(mirror(6001) + shout(6002))
    assert frpc.main(["verify", "-c", str(path)]) == 0
    for text, expected in (
        (mirror(6001).replace("remotePort", "remotePrt"), 'did you mean "remotePort"?'),
        (mirror(6001).replace('"mirror"', '"miror"'), 'did you mean "mirror"?'),
        (shout(6002).replace('mark = "!"', ""), "plugin shout: mark is required"),
        (shout(6002).replace("mark =", "marc ="), 'did you mean "mark"?'),
    ):
        path.write_text(text)
        assert frpc.main(["verify", "-c", str(path)]) == 1
        assert expected in capsys.readouterr().out


def test_its_flags_page_and_schema_are_made() -> None:
    table: Any = ModuleType("flagtable")
    exec(table_text(), vars(table))
    assert "remote-port" in {flag.name for flag in table.PROXY["mirror"]}
    page = reference()
    assert "Proxy of type `mirror`" in page
    assert "Port of the mirror." in page
    assert "Plugin `shout`" in page
    assert "What is put after each answer." in page
    assert '"mirror"' in json.dumps(schema("client"))
    assert '"shout"' in json.dumps(schema("client"))


@pytest.mark.parametrize("transport", ["knock", "aside"])
@pytest.mark.parametrize("mux", [True, False])
async def test_a_transport_carries_users(transport: str, mux: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    own, first = free_port(), free_port()
    switch = f"transport.tcpMux = {str(mux).lower()}\n"
    async with running_server(server_config(switch + f"kcpBindPort = {own}\n")) as server:
        assert f"frps stands aside on 127.0.0.1:{own}" in caplog.messages
        port = own if transport == "aside" else server.address[1]
        text = f'transport.protocol = "{transport}"\n{switch}' + mirror(first)
        async with running_client(client_config(port, text)):
            assert await exchange(first, b"stressed") == b"desserts"


async def test_a_transport_says_why_it_cannot_listen() -> None:
    async with running_server(server_config()) as server:
        taken = server.address[1]
        with pytest.raises(
            ListenError, match=rf"(?m)^no place aside at 127\.0\.0\.1:{taken}: listen tcp .*in use$"
        ):
            async with running_server(server_config(f"kcpBindPort = {taken}\n")):
                pass


def test_a_file_with_an_unknown_transport_names_those_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "frpc.toml"
    path.write_text('transport.protocol = "knok"\n')
    assert frpc.main(["verify", "-c", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "optional values are [tcp quic websocket wss knock aside]" in printed
    assert 'did you mean "knock"?' in printed


async def test_a_hook_refuses_a_login_and_changes_a_proxy() -> None:
    asked, given = free_port(), free_port()
    async with running_server(server_config(), hooks=Usher(given)) as server:
        with pytest.raises(LoginFailed, match="nobody is not let in"):
            async with running_client(client_config(server.address[1], 'user = "nobody"\n' + mirror(asked))):
                pass
        assert len(server.tables.sessions) == 0
        async with running_client(
            client_config(server.address[1], 'user = "somebody"\n' + mirror(asked))
        ) as client:
            assert await exchange(given, b"stressed") == b"desserts"
            assert [running.state.remote_addr for running in client.proxies.running()] == [f":{given}"]
            with pytest.raises(ConnectionRefusedError):
                await exchange(asked, b"stressed")

"""The login that registers nothing, and proxies that are registered for a moment; at our frps and at Go's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aiofrp.cli.own.doctor import login
from aiofrp.cli.own.doctor.report import Outcome
from aiofrp.errors import FrpError
from aiofrp.proxy.tcp import TcpConfig
from tests.support import procs
from tests.support.procs import Side
from tests.support.services import silent
from tests.support.tunnel import PATIENCE, client_config, running_server, server_config

SIDES: list[Side] = ["ours", "go"]


@pytest.mark.parametrize("side", SIDES)
async def test_logins_and_proxies(side: Side, tmp_path: Path, free_port: int) -> None:
    toml = f'bindAddr = "127.0.0.1"\nbindPort = {free_port}\nauth.token = "right"\nallowPorts = [{{ single = 1 }}]\n'
    async with procs.frps(tmp_path, toml, side=side) as server:
        right = client_config(
            free_port,
            'auth.token = "right"\n[[proxies]]\nname = "s"\ntype = "stcp"\nsecretKey = "k"\nlocalPort = 1\n'
            '[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = 1\nremotePort = 2\n',
        )
        found = await login.login(right)
        assert (found.outcome, found.text) == (Outcome.OK, "token accepted by the server (frp 0.70.1)")
        assert "new proxy" not in server.text
        with pytest.raises(FrpError, match="token") as caught:
            await login.login(client_config(free_port, 'auth.token = "wrong"'))
        assert "loginFailExit" not in str(caught.value)
        assert caught.value.hint is not None
        assert caught.value.hint.step == "Write the same auth.token into the files of frpc and frps"
        tried = dict(await login.try_proxies(right))
        assert tried["s"].outcome is Outcome.OK
        assert (tried["t"].outcome, tried["t"].fix) == (
            Outcome.PROBLEM,
            "frps does not allow the port 2 (its allowPorts). Choose a remotePort within allowPorts of frps's"
            " file, or 0 to let frps choose",
        )
        await server.line("client exit success", count=2)


async def test_a_server_without_a_token(free_port: int) -> None:
    async with running_server(server_config(port=free_port)):
        async with asyncio.timeout(PATIENCE):
            found = await login.login(client_config(free_port))
        assert (found.outcome, "without a token" in found.text) == (Outcome.WARNING, True)


async def test_a_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_PATIENCE", 0.05)
    with silent() as port, pytest.raises(FrpError, match="did not answer within"):
        await login.login(client_config(port, "transport.tls.enable = false"))


def test_refusals_have_fixes() -> None:
    proxy = TcpConfig(name="a")
    known = login._registered("proxy [a] already exists", "", proxy)
    assert known.fix.startswith("a proxy of this name runs on frps already. Give the proxy another name")
    assert login._registered("something new", "", proxy).fix == ""

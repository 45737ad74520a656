"""What frps looks at before a proxy is published, whoever asks for it."""

from __future__ import annotations

import pytest

from aiofrp.errors import ProxyError
from aiofrp.server.session.auth import TokenVerifier
from aiofrp.server.session.control import ServerControl
from aiofrp.wire.frp.messages import LoginResp, NewProxy
from tests.support.ports import free_port
from tests.support.rawclient import login, raw_client
from tests.support.tunnel import client_config, running_client, running_server, server_config
from tests.support.vhosts import refusals


async def test_annotations_with_bad_keys() -> None:
    """The client in this test does not look at them itself."""
    kinds = {"good": '{ "EXAMPLE.org/Note" = "x" }', "bad": '{ "a/b/c" = "x", "/d" = "y" }'}
    toml = "".join(
        f'[[proxies]]\nname = "{name}"\ntype = "stcp"\nlocalPort = 1\nannotations = {annotations}\n'
        for name, annotations in kinds.items()
    )
    async with (
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], toml)) as client,
    ):
        refused = refusals(client)
        assert refused["good"] == ""
        first, second = refused["bad"].split("\n")
        assert first == "annotation key /d is invalid: prefix part must be non-empty"
        assert second.startswith("annotation key a/b/c is invalid: a qualified name must consist of")


async def test_ports_are_counted_for_the_client() -> None:
    """For one that has an id over all its sessions, for others by session."""
    async with (
        running_server(server_config("maxPortsPerClient = 1\n")) as server,
        raw_client(server.address[1]) as raw,
    ):
        names = [{"client_id": "c"}, {"client_id": "d"}, {}, {}]
        sessions = []
        for fields in names:
            answer = await raw.say(login("", user="u", **fields))
            assert isinstance(answer, LoginResp)
            sessions.append(server.tables.sessions.find(answer.run_id))
        first = sessions[0]
        again = ServerControl(
            server.tables, server.proxies, first.login, "later", first.codec, None, TokenVerifier("", ())
        )
        for number, session in enumerate(sessions):
            message = NewProxy(proxy_name=f"p{number}", proxy_type="tcp", remote_port=free_port())
            await server.proxies.start(session, message)
            with pytest.raises(ProxyError, match="exceed the max_ports_per_client"):
                await server.proxies.start(session, NewProxy(proxy_name="more", proxy_type="tcp"))
        with pytest.raises(ProxyError, match="exceed the max_ports_per_client"):
            await server.proxies.start(again, NewProxy(proxy_name="more", proxy_type="tcp"))
        await server.proxies.stop(sessions[0], "p0")
        await server.proxies.start(
            again, NewProxy(proxy_name="more", proxy_type="tcp", remote_port=free_port())
        )
        await server.proxies.stop(again, "more")
        for number, session in enumerate(sessions):
            await server.proxies.stop(session, f"p{number}")
        assert not server.proxies._ports

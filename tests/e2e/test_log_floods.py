"""What peers say does not fill the other side's log: a hostile frps and frpc, a hostile client and frps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from aiofrp import logs
from aiofrp.server.session.control import ServerControl
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import (
    CloseProxy,
    Login,
    LoginResp,
    Message,
    NewProxy,
    NewProxyResp,
    NewWorkConn,
    Ping,
    Pong,
    ReqWorkConn,
    StartWorkConn,
)
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.rawclient import login, raw_client, work
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

#: Messages of a flood.
COUNT = 3_000
#: Lines a flood may cause while it lasts, which is a few seconds on a busy machine.
LINES = 60
PLAIN = "transport.tls.enable = false\ntransport.tcpMux = false\n"


@asynccontextmanager
async def hostile_server(
    flood: list[Message], work_answer: Message
) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server that accepts the login, sends ``flood``, and answers work connections with ``work_answer``; gives its
    port, and what is set when the client has taken all."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder, message = V1.decoder(), None
        while message is None:
            if not (data := await reader.read(65536)):
                return
            message = decoder.receive_one(data)
        if isinstance(message, NewWorkConn):
            writer.write(V1.encode(work_answer))
            return
        assert isinstance(message, Login)
        layer = V1.control_layer("", server=True)
        writer.write(V1.encode(LoginResp(version="0.70.1", run_id="0123456789abcdef")))
        for at in range(0, len(flood), 100):
            writer.write(layer.encode(b"".join(map(V1.encode, flood[at : at + 100]))))
            await writer.drain()
        writer.write(layer.encode(V1.encode(Pong(error="done"))))  # ends the session once it is read
        await reader.read(-1)
        done.set()

    async with local_service(serve) as port:
        yield port, done


FLOODS: dict[str, Callable[[], list[Message]]] = {
    "answers for proxies nobody has": lambda: [NewProxyResp(proxy_name=f"p{n}") for n in range(COUNT)],
    "answers nobody waits for": lambda: [NewProxyResp(proxy_name="t", error="no")] * COUNT,
    "refused work connections": lambda: [ReqWorkConn()] * (COUNT // 10),
    "messages of a server's side": lambda: [Ping(), StartWorkConn(proxy_name="x")] * (COUNT // 2),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_hostile_server(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "aiofrp")
    refusal = StartWorkConn(error="no " + "x" * 5_000)
    toml = PLAIN + '[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = 1\nremotePort = 1\n'
    async with (
        hostile_server(FLOODS[kind](), refusal) as (port, done),
        running_client(client_config(port, toml), settle=False),
        asyncio.timeout(30),
    ):
        await done.wait()
        lines = [record.getMessage() for record in caplog.records if record.name.startswith("aiofrp.client")]
        assert len(lines) < LINES
        assert max(map(len, lines)) < 1_000


async def test_a_hostile_client_of_frps(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has the token; another client's lines are all there."""
    monkeypatch.setattr(logs, "CLIENT", logs.Rate(10, 1))
    caplog.set_level(logging.INFO, "aiofrp")
    flood = [
        NewProxy(proxy_name="x" * 2_000, proxy_type="none"),
        CloseProxy(proxy_name="y" * 2_000),
        Ping(privilege_key="wrong"),
    ] * (COUNT // 3)
    scopes = 'auth.additionalScopes = ["HeartBeats"]\n'
    async with running_server(server_config(scopes)) as server, raw_client(server.address[1]) as raw:
        talk = await raw.open()
        answer = await talk.say(login("", pool_count=0))
        assert isinstance(answer, LoginResp)
        session = server.tables.sessions.find(answer.run_id)
        assert isinstance(session, ServerControl)
        layer = V1.control_layer("", server=False)
        before = len(caplog.records)
        taking = asyncio.create_task(talk.ended())  # who takes no answers is not read
        for at in range(0, len(flood), 30):
            talk.stream.write(layer.encode(b"".join(map(V1.encode, flood[at : at + 30]))))
            await asyncio.sleep(0)
        talk.stream.write(layer.encode(V1.encode(CloseProxy(proxy_name="last"))))
        handled: list[str] = []
        monkeypatch.setattr(session, "_close_proxy", _noting(handled, session._close_proxy))
        await until(lambda: "last" in handled)
        taking.cancel()
        lines = [record.getMessage() for record in caplog.records[before:]]
        assert len(lines) < LINES
        assert max(map(len, lines)) < 1_000
        seen = len(caplog.records)
        async with running_client(client_config(server.address[1], scopes)):
            pass
        assert any("client login info" in record.getMessage() for record in caplog.records[seen:])


def _noting(names: list[str], close: Callable[[str], object]) -> Callable[[str], object]:
    def noted(name: str) -> object:
        names.append(name)
        return close(name)

    return noted


async def test_users_of_a_proxy(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd of users of one client; all are served, and another client's users have their lines."""
    monkeypatch.setattr(logs, "USERS", logs.Rate(10, 1))
    caplog.set_level(logging.INFO, "aiofrp")
    first, second = free_port(), free_port()
    async with running_server(server_config()) as server, local_service(echo) as local:
        port = server.address[1]
        entry = f'[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = '
        async with (
            running_client(client_config(port, entry + str(first))),
            running_client(client_config(port, f'user = "other"\n{entry}{second}')),
        ):
            for _ in range(300):
                assert await exchange(first, b"x") == b"x"
            assert await exchange(second, b"x") == b"x"
    users = [line for record in caplog.records if "get a user" in (line := record.getMessage())]
    assert 10 <= sum("[other.t]" not in line for line in users) < LINES
    assert sum("[other.t]" in line for line in users) == 1


async def test_strangers_at_frps(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused logins and work connections, each over a connection of its own."""
    caplog.set_level(logging.INFO, "aiofrp")
    monkeypatch.setattr(
        "aiofrp.server.session.arrivals._refused",
        logs.get("aiofrp.server.session.arrivals").limited(logs.Rate(5, 1)),
    )
    async with running_server(server_config('auth.token = "t"\n' + "transport.tcpMux = false\n")) as server:
        before = len(caplog.records)
        async with raw_client(server.address[1], PLAIN) as raw:
            for number in range(300):
                await raw.say(login("wrong", hostname="h" * 3_000) if number % 2 else work("x" * 3_000))
        lines = [record.getMessage() for record in caplog.records[before:]]
        assert len(lines) < LINES
        assert max(map(len, lines)) < 1_000

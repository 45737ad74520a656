"""Connections that are not logged in stay counted and end in time, whatever they were refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from aiofrp.server.service import Server
from aiofrp.server.session import accept, admission
from aiofrp.wire.frp.messages import LoginResp, Message, NewVisitorConn, NewVisitorConnResp, StartWorkConn
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.rawclient import login, raw_client, work
from tests.support.tunnel import client_config, running_client, running_server, server_config

#: What nobody grants, and the kind of answer.
REFUSED: dict[str, tuple[Callable[[], Message], type[Message]]] = {
    "login": (lambda: login("wrong"), LoginResp),
    "work": (lambda: work("nobody"), StartWorkConn),
    "visitor": (lambda: NewVisitorConn(proxy_name="none", run_id=""), NewVisitorConnResp),
}
NO_MUX = "transport.tcpMux = false\n"
CARRIERS = {
    "tcp": "",
    "plain": "transport.tls.enable = false\n",
    "websocket": 'transport.protocol = "websocket"\n',
    "kcp": 'transport.protocol = "kcp"\n',
}


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits are reached within a second or two, not ten."""
    monkeypatch.setattr(accept, "FIRST_MESSAGE", 1.0)
    monkeypatch.setattr(admission, "LINGER", 1.0)


def waiting(server: Server) -> int:
    assert server._acceptor is not None
    return len(server._acceptor.not_logged_in)


def config(toml: str = "", *, kcp: int = 0) -> str:
    return f'auth.token = "right"\n{toml}' + (f"kcpBindPort = {kcp}\n" if kcp else "")


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("what", REFUSED)
async def test_a_carrier_that_was_refused_stays_counted_and_ends(what: str, carrier: str, soon: None) -> None:
    message, answer = REFUSED[what]
    kcp = free_port()
    async with running_server(server_config(config(kcp=kcp))) as server:
        port = kcp if carrier == "kcp" else server.address[1]
        async with raw_client(port, CARRIERS[carrier]) as client:
            said = await client.say(message())
            assert isinstance(said, answer)
            assert said.error  # type: ignore[attr-defined]
            assert waiting(server) == 1
            if carrier != "kcp":  # which tells its end to a peer that still sends
                await asyncio.wait_for(client.lost.wait(), 10)
            await until(lambda: waiting(server) == 0)
            assert not server._acceptor.sessions  # type: ignore[union-attr]


@pytest.mark.parametrize("what", REFUSED)
async def test_one_that_does_not_take_its_refusal_is_ended(what: str, soon: None) -> None:
    """Without tcpMux; it neither closes nor reads."""
    message, answer = REFUSED[what]
    async with (
        running_server(server_config(config(NO_MUX))) as server,
        raw_client(server.address[1], NO_MUX) as client,
    ):
        talk = await client.open()
        assert isinstance(await talk.say(message()), answer)
        assert waiting(server) == 1
        await until(lambda: waiting(server) == 0)
        await talk.ended()


async def test_a_grant_is_what_counts() -> None:
    async with running_server(server_config(config())) as server, raw_client(server.address[1]) as client:
        assert isinstance(await client.say(work("nobody")), StartWorkConn)
        assert waiting(server) == 1
        answer = await client.say(login("right"))
        assert isinstance(answer, LoginResp)
        assert answer.run_id
        assert waiting(server) == 0
        work_connection = await client.open()
        work_connection.stream.write(b"")
        assert not client.lost.is_set()


async def test_few_streams_before_the_login() -> None:
    """Three shapes: silent streams, refused ones, garbage; the carrier ends, and a good client notices nothing."""
    async with running_server(server_config(config())) as server:
        port = server.address[1]
        async with running_client(client_config(port, 'auth.token = "right"\n')) as good:
            for first in (b"", b"\xff garbage", b"w\0\0\0\0\0\0\0\x02{}"):
                async with raw_client(port) as client:
                    talks = [await client.open() for _ in range(accept.MAX_STREAMS_BEFORE_LOGIN + 1)]
                    for talk in talks:
                        talk.stream.write(first)
                    await asyncio.wait_for(client.lost.wait(), 10)
            assert good.run_id
            assert len(server.tables.sessions) == 1
            await until(lambda: waiting(server) == 0)


async def test_whatever_it_does_its_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for a websocket of which a byte comes now and then."""
    monkeypatch.setattr(admission, "LIFETIME", 1.0)
    async with running_server(server_config(config())) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.address[1])
        writer.write(b"GET /~!frp HTTP/1.1\r\n")
        await until(lambda: waiting(server) == 1)

        async def drip() -> None:
            while True:
                writer.write(b"a: b\r\n")
                await asyncio.sleep(0.05)

        task = asyncio.create_task(drip())
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(reader.read(), 10)
        task.cancel()
        writer.close()
        assert waiting(server) == 0


async def test_over_quic_a_refused_stream_stays_counted_until_it_ends(soon: None) -> None:
    quic = free_port()
    toml = f"quicBindPort = {quic}\n"
    async with (
        running_server(server_config(config(toml))) as server,
        raw_client(quic, 'transport.protocol = "quic"\n') as client,
    ):
        talk = await client.open()
        assert isinstance(await talk.say(login("wrong")), LoginResp)
        assert waiting(server) == 1
        await until(lambda: waiting(server) == 0)


async def test_they_take_half_of_the_open_files_and_one_address_a_quarter_of_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "file_limit", lambda: 41)
    async with running_server(server_config()) as server:
        opened, refused = [], 0
        for source in range(1, 7):
            for number in range(7):
                local = (f"127.0.0.{source}", 0)
                reader, writer = await asyncio.open_connection(*server.address, local_addr=local)
                if source > 4 or number >= 5:
                    with suppress(ConnectionResetError):
                        assert await asyncio.wait_for(reader.read(), 10) == b""
                    refused += 1
                opened.append(writer)
        assert waiting(server) == 20
        assert refused == 22
        for writer in opened:
            writer.close()
        await until(lambda: waiting(server) == 0)
        async with running_client(client_config(server.address[1])):
            assert len(server.tables.sessions) == 1

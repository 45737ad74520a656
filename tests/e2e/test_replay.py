"""Recorded v1 sessions of the reference, replayed against ours in both roles (see tests/vectors/wire)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.codec import Decoder
from aiofrp.wire.frp.messages import LoginResp, Message, NewProxyResp, Pong, ReqWorkConn
from aiofrp.wire.transforms.aescfb import AesCfb
from aiofrp.wire.yamux import DATA, FrameDecoder
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    local_service,
    running_client,
    running_server,
    server_config,
)

VECTORS = Path(__file__).parent.parent / "vectors" / "wire"
SESSIONS = ["session_v1_plain", "session_v1_tcpmux", "session_v1_scopes", "session_v1_enc_comp"]

#: Milliseconds into each recording: everything before sets the session up, everything after serves the user.
USER_COMES = 1100


class Recording:
    """One recorded session."""

    def __init__(self, name: str) -> None:
        self.data: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
        self.scoped = name.endswith("scopes")
        self.mux: bool = self.data["tcp_mux"]
        self.payload = bytes.fromhex(self.data["user_payload_hex"])
        self.port: int = self.data["proxy"]["remote_port"]
        self.decoded: list[dict[str, Any]] = self.data["decoded"]["events"]
        self.run_id: str = self.decoded[0]["answer"]["body"]["run_id"]

    def sent(self, direction: str, *, setup: bool) -> list[tuple[int, bytes]]:
        """(connection, bytes) of one direction, of the set-up or of what follows."""
        return [
            (event["conn"], bytes.fromhex(event["hex"]))
            for event in self.data["events"]
            if event["dir"] == direction
            and event["event"] == "data"
            and (event["t_ms"] < USER_COMES) is setup
        ]

    def toml(self) -> str:
        scopes = 'auth.additionalScopes = ["HeartBeats", "NewWorkConns"]\n' if self.scoped else ""
        mux = str(self.mux).lower()
        return f'auth.token = "{self.data["token"]}"\ntransport.tcpMux = {mux}\n' + scopes

    def answers(self, received: bytes) -> list[Message]:
        """What a server said on the control connection, LoginResp first."""
        if self.mux:
            frames = FrameDecoder().receive_data(received)
            received = b"".join(bytes(f[4]) for f in frames if f[0] == DATA and f[2] == 1)
        decoder = Decoder()
        first = decoder.receive_one(received)
        assert first is not None
        plain = AesCfb(derive_key(self.data["token"])).decode(decoder.leftover())
        return [first, *Decoder().receive_data(plain)]


class Peer:
    """One replayed connection of the recorded client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.received = b""
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            self.received += data

    async def saw(self, mark: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            while mark not in self.received:
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
        await asyncio.wait([self._reading])


@pytest.mark.parametrize("name", SESSIONS)
async def test_our_frps_understands_the_recorded_client(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording(name)
    monkeypatch.setattr("secrets.token_hex", lambda size: recording.run_id)
    peers: dict[int, Peer] = {}

    async def replay(events: list[tuple[int, bytes]], port: int) -> None:
        for conn, data in events:
            if conn not in peers:
                if peers and not recording.mux:
                    await peers[1].saw(b"1")
                peers[conn] = Peer(*await asyncio.open_connection("127.0.0.1", port))
            peers[conn].writer.write(data)
            await asyncio.sleep(0.01)

    async with running_server(server_config(recording.toml())) as server:
        port = server.address[1]
        await replay(recording.sent("c2s", setup=True), port)
        async with asyncio.timeout(PATIENCE):
            while not len(server.proxies):
                await asyncio.sleep(0.005)
        reader, writer = await asyncio.open_connection("127.0.0.1", recording.port)
        writer.write(recording.payload)
        await peers[1 if recording.mux else 2].saw(b"dst_addr")
        await replay(recording.sent("c2s", setup=False), port)
        async with asyncio.timeout(PATIENCE):
            assert await reader.readexactly(len(recording.payload)) == recording.payload
        writer.close()
        messages = recording.answers(peers[1].received)
        for peer in peers.values():
            await peer.close()
    expected = recording.decoded[0]
    assert messages[0] == LoginResp(version="0.70.1", run_id=recording.run_id)
    proxy = next(m for m in expected["s2c_messages"] if m["type"] == "NewProxyResp")["body"]
    assert NewProxyResp(**proxy) in messages
    assert messages.count(ReqWorkConn()) >= 2
    assert messages.count(Pong()) >= 2
    assert {type(message) for message in messages} == {LoginResp, NewProxyResp, ReqWorkConn, Pong}


@pytest.mark.parametrize("name", SESSIONS)
async def test_our_frpc_understands_the_recorded_server(name: str) -> None:
    recording = Recording(name)
    said = [
        b"".join(data for conn, data in recording.sent("s2c", setup=setup) if conn == number)
        for setup in (True, False)
        for number in (1, 2)
    ]
    login, _, control_later, work = said
    accepted: list[asyncio.StreamWriter] = []
    work_sent = asyncio.Event()
    relayed = asyncio.Event()

    async def first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The control connection, or the only one with tcpMux."""
        await reader.read(1)
        writer.write(login)
        await writer.drain()
        if recording.mux:
            await reader.readuntil(b'{"run_id":')  # the work connection is open
            writer.write(control_later)
            await writer.drain()
        await relayed.wait()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        if len(accepted) == 1:
            await first(reader, writer)
        elif not work_sent.is_set():
            work_sent.set()
            await reader.readuntil(b"}")
            writer.write(work)
            await writer.drain()
            await relayed.wait()

    got = bytearray()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(got) < len(recording.payload):
            got.extend(await reader.read(65536))
        relayed.set()
        await echo(reader, writer)

    async with local_service(keep) as local, local_service(serve) as port:
        options = recording.data["proxy"]["options"].replace("; ", "\n")
        user = 'user = "alice"\nclientID = "cid-1"\n' if recording.scoped else ""
        config = client_config(
            port,
            f"{user}transport.tls.enable = false\n{recording.toml()}\n[[proxies]]\n"
            f'name = "vec"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {recording.port}\n{options}\n',
        )
        async with running_client(config) as client:
            async with asyncio.timeout(PATIENCE):
                await relayed.wait()
            assert client.run_id == recording.run_id
    assert bytes(got) == recording.payload

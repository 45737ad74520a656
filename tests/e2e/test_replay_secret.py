"""The recorded stcp and sudp sessions of two reference clients, replayed against our frps: it joins them alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import pytest

from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.codec import Decoder
from aiofrp.wire.frp.messages import Message, NewVisitorConnResp, StartWorkConn, UDPPacket
from aiofrp.wire.transforms.aescfb import AesCfb
from aiofrp.wire.transforms.snappy import Snappy
from tests.support.ends import until
from tests.support.tunnel import PATIENCE, running_server, server_config

VECTORS = Path(__file__).parent.parent / "vectors" / "wire"


class Recording:
    """One session: what its two clients sent."""

    def __init__(self, kind: str) -> None:
        self.data: dict[str, Any] = json.loads((VECTORS / f"session_v1_{kind}.json").read_text())
        self.layered = kind == "stcp"
        self.payload = bytes.fromhex(self.data["user_payload_hex"])

    def sent(self, side: str, conn: int) -> tuple[bytes, bytes]:
        """What went to the server on one connection: its first message, and the rest."""
        events = self.data[f"{side}_side_events"]
        chosen = [e for e in events if (e["conn"], e["dir"], e["event"]) == (conn, "c2s", "data")]
        whole = b"".join(bytes.fromhex(event["hex"]) for event in chosen)
        decoder = Decoder()
        assert decoder.receive_one(whole) is not None
        rest = decoder.leftover()
        return whole[: len(whole) - len(rest)], rest

    def run_ids(self) -> Iterator[str]:
        """As the recorded server gave them."""
        for side in ("proxy", "visitor"):
            yield self.data["decoded"][f"{side}_side_events"][0]["answer"]["body"]["run_id"]

    def relayed(self, data: bytes, secret: str) -> bytes:
        """The user's payload in what a connection carried after its answer."""
        if self.layered:
            return Snappy().decode(AesCfb(derive_key(secret)).decode(data))
        packets = Decoder().receive_data(data)
        return b"".join(packet.content for packet in packets if isinstance(packet, UDPPacket))


class Peer:
    """One connection to our server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder()

    @classmethod
    async def dial(cls, port: int, data: bytes) -> Peer:
        peer = cls(*await asyncio.open_connection("127.0.0.1", port))
        peer.send(data)
        return peer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self) -> Message:
        """The first message of the server."""
        while (message := self._decoder.receive_one(await self._reader.read(65536))) is None:
            pass
        return message

    async def relayed(self, recording: Recording, secret: str) -> None:
        """Wait until the user's payload came."""
        data = self._decoder.leftover()
        while (got := recording.relayed(data, secret)) != recording.payload:
            more = await self._reader.read(65536)
            assert more, f"the connection ended after {got!r}"
            data += more

    async def aclose(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@pytest.mark.parametrize("kind", ["stcp", "sudp"])
async def test_the_recorded_clients_meet(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording(kind)
    run_ids = recording.run_ids()
    monkeypatch.setattr("secrets.token_hex", lambda size: next(run_ids))
    token, secret = recording.data["token"], recording.data["secret_key"]
    settings = f'auth.token = "{token}"\ntransport.tcpMux = false\n'
    async with (
        asyncio.timeout(PATIENCE),
        running_server(server_config(settings)) as server,
        AsyncExitStack() as stack,
    ):

        async def dial(side: str, conn: int, *, whole: bool) -> Peer:
            first, rest = recording.sent(side, conn)
            peer = await Peer.dial(server.address[1], first + rest if whole else first)
            return await stack.enter_async_context(aclosing(peer))

        await dial("proxy", 1, whole=True)
        await until(lambda: len(server.tables.doors))
        work = await dial("proxy", 2, whole=False)
        await dial("visitor", 1, whole=True)
        await until(lambda: len(server.tables.sessions) == 2)
        visitor = await dial("visitor", 3, whole=True)

        assert await visitor.answer() == NewVisitorConnResp(proxy_name="alice.secret")
        start = await work.answer()
        assert isinstance(start, StartWorkConn)
        assert (start.proxy_name, start.src_addr) == ("alice.secret", "127.0.0.1")
        await work.relayed(recording, token)
        work.send(recording.sent("proxy", 2)[1])
        await visitor.relayed(recording, secret)

"""What each transport says first, beside what the reference was recorded to say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiofrp.client.dialing import dial_options
from aiofrp.transport.base import transport_of
from aiofrp.wire.dial.upgrade import ServerUpgrade
from aiofrp.wire.websocket import WebSocketCodec
from tests.support.tunnel import PATIENCE, client_config, local_service
from tests.wire.vectors import load

CASES = load("tls_first_bytes")["cases"]
#: Bytes of a ClientHello that say it all: kind of record, version, and after them its own kind.
ENOUGH = 60


class Spoken:
    """What a client has said, taken apart: the HTTP request if there was one, the payload of each frame, the rest."""

    def __init__(self) -> None:
        self.request = b""
        self.frames: list[bytes] = []
        self._upgrade = ServerUpgrade()
        self._websocket = WebSocketCodec(client=False)
        self._in_clear = b""

    def feed(self, data: bytes) -> bytes:
        """Take what was sent; returns what a server must answer at once."""
        if not self._upgrade.accepted and not (self.request + data).startswith(b"G"):
            self._in_clear += data
            self.frames = [self._in_clear]
            return b""
        if self._upgrade.accepted:
            self._unwrap(data)
            return b""
        self.request += data
        rest = self._upgrade.receive_data(data)
        if rest:
            self._unwrap(rest)
        return self._upgrade.data_to_send()

    def _unwrap(self, data: bytes) -> None:
        """Byte by byte, so that each frame's payload can be told from the next one's."""
        for at in range(len(data)):
            before = self._websocket._left
            payload = bytes(self._websocket.receive_data(data[at : at + 1]))
            if self._websocket._left and not before:
                self.frames.append(b"")  # a header is complete
            if payload:
                self.frames[-1] += payload

    def shape(self) -> list[bytes]:
        """The beginning of each frame: frp's byte, and kind and version of the TLS record."""
        return [frame[:4] if frame[:1] == b"\x17" else frame[:3] for frame in self.frames if frame]


def recorded(case: dict[str, Any]) -> Spoken:
    """What the reference said before the server's first TLS record; recordings are cut after 400 bytes."""
    spoken = Spoken()
    for event in case["first_events"]:
        if event["event"] != "data":
            continue
        data = bytes.fromhex(event["hex"])
        if event["dir"] == "s2c" and not data.startswith(b"HTTP/"):
            break
        if event["dir"] == "c2s":
            spoken.feed(data)
    return spoken


async def said(case: dict[str, Any]) -> Spoken:
    """The same of our client."""
    spoken, enough = Spoken(), asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(spoken.feed(data))
            if sum(map(len, spoken.frames)) > ENOUGH:
                enough.set()

    async with local_service(listen) as port:
        switch = str(case["disableCustomTLSFirstByte"]).lower()
        toml = (
            f'transport.protocol = "{case["protocol"]}"\ntransport.tls.disableCustomTLSFirstByte = {switch}\n'
        )
        options = dial_options(client_config(port, toml))
        transport = transport_of(case["protocol"])()
        dialling = asyncio.create_task(transport.connect(options))
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
        dialling.cancel()
        await asyncio.wait([dialling])
    return spoken


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['protocol']}-{case['disableCustomTLSFirstByte']}"
)
async def test_first_bytes(case: dict[str, Any]) -> None:
    reference, ours = recorded(case), await said(case)
    assert reference.shape()
    assert ours.shape() == reference.shape()
    names = [line.partition(b":")[0] for line in reference.request.split(b"\r\n")]
    assert [line.partition(b":")[0] for line in ours.request.split(b"\r\n")] == names

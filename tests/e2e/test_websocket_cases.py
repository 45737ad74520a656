"""What a websocket peer may send to frps and what it may not, case by case after the groups of the Autobahn suite.

Payload is yamux: a ping of its (nothing to do with the websocket's) must come back, so a case shows what reached frps.
Cases of good frames are put to the reference's frps too, with ``FRP_GO_BIN``.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from aiofrp.wire.dial.upgrade import ClientUpgrade
from tests.support.peers import needs_go
from tests.support.ports import free_port
from tests.support.procs import frps
from tests.support.tunnel import PATIENCE, running_server, server_config

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x00\xa5\x5a\xff"
_YAMUX = struct.Struct(">BBHII")
_YAMUX_PING, _SYN, _ACK = 2, 1, 2


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    width: int = 0,
) -> bytes:
    """A client's frame. ``width``: bytes of the extended length, by default as few as hold it."""
    size, first = len(payload), fin << 7 | reserved << 4 | opcode
    width = width or (0 if size < 126 else 2 if size < 65536 else 8)
    length = {0: size, 2: 126, 8: 127}[width] | masked << 7
    head = bytes((first, length)) + (size.to_bytes(width, "big") if width else b"")
    if not masked:
        return head + payload
    mask = (MASK * (size // 4 + 1))[:size]
    return head + MASK + (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


def asks(*numbers: int) -> bytes:
    """Yamux pings with these numbers."""
    return b"".join(_YAMUX.pack(0, _YAMUX_PING, _SYN, 0, number) for number in numbers)


def closing(status: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, status.to_bytes(2, "big") + reason)


def octets(data: bytes) -> list[bytes]:
    """To be sent one by one."""
    return [data[at : at + 1] for at in range(len(data))]


def halves(opcode: int, data: bytes) -> bytes:
    """A message in two fragments, cut where nothing ends."""
    cut = len(data) // 2 + 1
    return frame(opcode, data[:cut], fin=False) + frame(CONTINUATION, data[cut:])


@dataclass(frozen=True)
class Case:
    """What is sent, and what must come back."""

    sent: bytes | list[bytes]
    answers: tuple[int, ...] = ()  #: to yamux pings with these numbers, in any order
    pongs: tuple[bytes, ...] = ()
    status: int = 0  #: of the close frame that ends it; 0 for none


ONE = asks(1)
MANY = tuple(range(5462))
LONG = asks(*MANY)  # 65,544 bytes
UNTEXT = 0xFFFE80C0  # as bytes no UTF-8

GOOD = {
    **{
        f"1 framing: {kind}, {len(asks(*numbers))} bytes": Case(frame(opcode, asks(*numbers)), tuple(numbers))
        for kind, opcode in (("text", TEXT), ("binary", BINARY))
        for numbers in (range(1), range(10), range(11), range(5461), MANY)
    },
    "1 framing: an empty message first": Case(frame(BINARY) + frame(TEXT) + frame(BINARY, ONE), (1,)),
    "1 framing: octet by octet": Case(octets(frame(BINARY, asks(1, 2))), (1, 2)),
    "1 framing: a long one octet by octet": Case(octets(frame(TEXT, asks(*range(20)))), tuple(range(20))),
    "1 framing: a length in 16 bits that needs 7": Case(frame(BINARY, ONE, width=2), (1,)),
    "1 framing: a length in 64 bits that needs 7": Case(frame(BINARY, ONE, width=8), (1,)),
    "2 pings: without payload": Case(frame(PING) + frame(BINARY, ONE), (1,), (b"",)),
    "2 pings: with payload": Case(frame(PING, b"Hello") + frame(BINARY, ONE), (1,), (b"Hello",)),
    "2 pings: binary payload": Case(frame(PING, b"\0\xff\xfe") + frame(BINARY, ONE), (1,), (b"\0\xff\xfe",)),
    "2 pings: 125 bytes": Case(frame(PING, b"\xfe" * 125) + frame(BINARY, ONE), (1,), (b"\xfe" * 125,)),
    "2 pings: octet by octet": Case(octets(frame(PING, b"Hi") + frame(BINARY, ONE)), (1,), (b"Hi",)),
    "2 pings: ten": Case(
        b"".join(frame(PING, b"%d" % n) for n in range(10)) + frame(BINARY, ONE),
        (1,),
        tuple(b"%d" % n for n in range(10)),
    ),
    "2 pongs: nobody asked": Case(frame(PONG) + frame(PONG, b"?") + frame(BINARY, ONE), (1,)),
    "2 pongs: nobody asked, and a ping": Case(
        frame(PONG, b"?") + frame(PING, b"!") + frame(PONG) + frame(BINARY, ONE), (1,), (b"!",)
    ),
    "5 fragments: text": Case(halves(TEXT, asks(1, 2)), (1, 2)),
    "5 fragments: binary": Case(halves(BINARY, asks(1, 2)), (1, 2)),
    "5 fragments: octet by octet": Case(octets(halves(BINARY, asks(1, 2))), (1, 2)),
    "5 fragments: empty ones": Case(
        frame(TEXT, fin=False) + frame(CONTINUATION, ONE, fin=False) + frame(CONTINUATION), (1,)
    ),
    "5 fragments: a ping within": Case(
        frame(BINARY, ONE[:5], fin=False) + frame(PING, b"!") + frame(CONTINUATION, ONE[5:]), (1,), (b"!",)
    ),
    "5 fragments: of one byte each": Case(
        frame(BINARY, fin=False)
        + b"".join(frame(CONTINUATION, octet, fin=False) for octet in octets(asks(1, 2)))
        + frame(CONTINUATION),
        (1, 2),
    ),
    "6 text that is none": Case(frame(TEXT, asks(UNTEXT)), (UNTEXT,)),
    "6 text that is none, in fragments": Case(halves(TEXT, asks(UNTEXT)), (UNTEXT,)),
    "9 limits: a message of 64 KiB in fragments of 7 bytes": Case(
        frame(BINARY, fin=False)
        + b"".join(frame(CONTINUATION, LONG[at : at + 7], fin=False) for at in range(0, len(LONG), 7))
        + frame(CONTINUATION),
        MANY,
    ),
}

#: The reference takes most of these (see docs/explanation/differences.md).
BAD = {
    "2 pings: 126 bytes": Case(frame(PING, bytes(126)), status=1002),
    **{
        f"3 reserved bits: {bits}": Case(frame(BINARY, ONE, reserved=bits), status=1002)
        for bits in range(1, 8)
    },
    "3 reserved bits: of a ping": Case(frame(PING, b"x", reserved=1), status=1002),
    "3 reserved bits: of a close": Case(frame(CLOSE, reserved=4), status=1002),
    "3 reserved bits: after good frames": Case(
        frame(PING, b"x") + frame(BINARY, ONE) + octets(frame(BINARY, ONE, reserved=1))[0] + b"\x8c",
        pongs=(b"x",),
        status=1002,
    ),
    **{
        f"4 opcodes: {code}": Case(frame(code, ONE), status=1002)
        for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "5 fragments: a ping in two": Case(frame(PING, b"a", fin=False) + frame(CONTINUATION, b"b"), status=1002),
    "5 fragments: a pong in two": Case(frame(PONG, b"a", fin=False) + frame(CONTINUATION, b"b"), status=1002),
    "5 fragments: nothing to continue": Case(frame(CONTINUATION, ONE), status=1002),
    "5 fragments: nothing to continue any more": Case(
        halves(BINARY, ONE) + frame(CONTINUATION, ONE), status=1002
    ),
    "5 fragments: a message within another": Case(
        frame(TEXT, ONE[:5], fin=False) + frame(TEXT, ONE[5:]), status=1002
    ),
    "7 closes: one byte": Case(frame(CLOSE, b"\x03"), status=1002),
    "7 closes: a reason that is no text": Case(
        closing(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed"), status=1007
    ),
    "7 closes: 126 bytes": Case(closing(1000, b"x" * 124), status=1002),
    **{
        f"7 closes: status {status}": Case(closing(status), status=1002)
        for status in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "a frame of 2**63 bytes": Case(b"\x82\xff\x80" + bytes(7) + MASK, status=1002),
}

CLOSES = {
    "7 closes: without status": Case(frame(CLOSE), status=1000),
    "7 closes: with a reason": Case(closing(1000, b"Hello World!"), status=1000),
    "7 closes: 125 bytes": Case(closing(1000, b"x" * 123), status=1000),
    "7 closes: octet by octet": Case(octets(closing(1000, b"bye")), status=1000),
    "7 closes: after data": Case(frame(BINARY, ONE) + closing(1000), status=1000),
    "7 closes: with data after it": Case(closing(1000) + frame(BINARY, ONE) + frame(PING, b"x"), status=1000),
    "7 closes: twice": Case(closing(1000) + closing(1000), status=1000),
    "7 closes: in the middle of a message": Case(
        frame(TEXT, ONE[:5], fin=False) + closing(1000), status=1000
    ),
}
UNMASKED = Case(frame(BINARY, ONE, masked=False), status=1002)


class Client:
    """A websocket of its own making."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.payload = b""
        self.pongs: list[bytes] = []
        self.statuses: list[int] = []

    async def send(self, sent: bytes | list[bytes]) -> None:
        for piece in [sent] if isinstance(sent, bytes) else sent:
            self._writer.write(piece)
            await self._writer.drain()

    async def read_frame(self) -> bool:
        """Take one frame in; False at the end of the connection."""
        try:
            first, second = await self._reader.readexactly(2)
            assert first & 0x70 == 0
            assert second < 128, "a server does not mask"
            size = second
            if size >= 126:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
            content = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        opcode = first & 15
        assert first & 0x80, "no fragments from frps"
        assert opcode in (TEXT, BINARY, CLOSE, PONG)
        assert not self.statuses or opcode == CLOSE, "nothing follows a close frame"
        if opcode == PONG:
            self.pongs.append(content)
        elif opcode == CLOSE:
            self.statuses.append(int.from_bytes(content[:2], "big"))
        else:
            self.payload += content
        return True

    @property
    def answers(self) -> list[int]:
        """Numbers of the yamux pings that came back."""
        whole = len(self.payload) // _YAMUX.size * _YAMUX.size
        found = list(_YAMUX.iter_unpack(self.payload[:whole]))
        assert all(head[:4] == (0, _YAMUX_PING, _ACK, 0) for head in found)
        return [head[4] for head in found]


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    """A client past the handshake, in which it offered an extension that nobody may agree to."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        upgrade = ClientUpgrade(f"127.0.0.1:{port}")
        request = upgrade.data_to_send()
        writer.write(request[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
        assert upgrade.receive_data(await reader.readuntil(b"\r\n\r\n")) == b""
        yield Client(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def check(port: int, case: Case) -> None:
    async with asyncio.timeout(PATIENCE), client(port) as peer:
        await peer.send(case.sent)
        if case.status:
            while await peer.read_frame():
                pass
            assert peer.statuses == [case.status]
        else:
            while len(peer.answers) < len(case.answers):
                assert await peer.read_frame(), "the connection ended"
            assert sorted(peer.answers) == sorted(case.answers)
        assert tuple(peer.pongs) == case.pongs


@pytest.fixture
async def ours() -> AsyncIterator[int]:
    """The port of our frps."""
    async with running_server(server_config()) as server:
        yield server.address[1]


@pytest.mark.parametrize("name", [*GOOD, *BAD, *CLOSES])
async def test_our_frps(ours: int, name: str) -> None:
    await check(ours, (GOOD | BAD | CLOSES)[name])


async def test_frames_without_a_mask(ours: int) -> None:
    await check(ours, UNMASKED)


@pytest.mark.parametrize(
    "status", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
)
async def test_every_status_a_peer_may_close_with_ends_it(ours: int, status: int) -> None:
    async with asyncio.timeout(PATIENCE), client(ours) as peer:
        await peer.send(closing(status))
        while await peer.read_frame():
            pass
        assert peer.statuses in ([], [1000])


@needs_go
async def test_good_frames_mean_the_same_to_the_reference(tmp_path: Path) -> None:
    port = free_port()
    async with frps(tmp_path, f'bindAddr = "127.0.0.1"\nbindPort = {port}\n', side="go"):
        for case in GOOD.values():
            await check(port, case)
        async with asyncio.timeout(PATIENCE), client(port) as peer:
            await peer.send(UNMASKED.sent)
            while await peer.read_frame():
                pass
            assert peer.statuses[0] == UNMASKED.status

"""Tunnels through holes, on 127.0.0.1: both protocols, both roles, and whoever else sends to the sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from aiofrp.config.models.shared import QuicOptions
from aiofrp.errors import Closed, FrpError, TimedOut
from aiofrp.nat import tunnel
from aiofrp.nat.punch.driver import Hole
from aiofrp.nat.tunnel import DirectTunnel, KcpTunnel, QuicTunnel, accept_tunnel, dial_tunnel
from aiofrp.stream.base import Stream
from tests.support.ends import End, until

OPTIONS = QuicOptions()
MIB = 1024 * 1024
both = pytest.mark.parametrize("protocol", ["quic", "kcp"])


def udp() -> socket.socket:
    """A bound socket."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock


@dataclass
class Pair:
    """Both ends of a tunnel, or of one that is being made."""

    visitor: DirectTunnel = None  # type: ignore[assignment]
    client: DirectTunnel = None  # type: ignore[assignment]
    streams: list[End] = field(default_factory=list)  # that the client's end got
    lost: list[str] = field(default_factory=list)  # ends that were told of the tunnel's end
    reasons: list[Exception | None] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)

    def lose(self, who: str) -> Any:
        def on_lost(exc: Exception | None) -> None:
            self.lost.append(who)
            self.reasons.append(exc)

        return on_lost

    def opened(self, stream: Stream) -> None:
        self.streams.append(End(stream).attach())

    async def connect(self, protocol: str, a: socket.socket, b: socket.socket) -> None:
        """``a`` is the visitor's socket, ``b`` the client's."""
        peer_of_a, peer_of_b = b.getsockname(), a.getsockname()
        self.client, self.visitor = await asyncio.gather(
            accept_tunnel(Hole(b, peer_of_b), protocol, OPTIONS, self.opened, self.lose("client")),
            dial_tunnel(Hole(a, peer_of_a), protocol, OPTIONS, self.lose("visitor")),
        )

    def open(self) -> End:
        """A stream of the visitor's."""
        opened: list[Stream | FrpError] = []
        self.visitor.open(opened.append, opened.append)
        [found] = opened
        if isinstance(found, FrpError):
            raise found
        self.ends.append(End(found).attach())
        return self.ends[-1]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    for side in (made.visitor, made.client):
        if side is not None:
            end_now(side)
    await until(lambda: all(end.lost for end in made.streams + made.ends))
    for end in made.streams + made.ends:
        end.check()


def end_now(side: DirectTunnel) -> None:
    """End one side and its socket; an orderly end of KCP waits for the peer's acknowledgement."""
    if isinstance(side, KcpTunnel):
        side._session.abort()
        side._session.carrier.abort()
    elif isinstance(side, QuicTunnel):
        side._session.abort()


@both
@pytest.mark.both_loops
async def test_bytes_of_many_streams(protocol: str, pair: Pair) -> None:
    await pair.connect(protocol, udp(), udp())
    near = [pair.open() for _ in range(20)]
    for number, end in enumerate(near):
        end.write(b"%d" % number)
    await until(lambda: len(pair.streams) == 20 and all(end.data for end in pair.streams))
    assert sorted(bytes(end.data) for end in pair.streams) == sorted(b"%d" % number for number in range(20))
    content = os.urandom(2 * MIB)
    pair.streams[0].write(content)
    [answered] = [end for end in near if f"{near.index(end)}".encode() == bytes(pair.streams[0].data)]
    await until(lambda: len(answered.data) == len(content))
    assert answered.data == content
    pair.streams[0].close()
    await until(lambda: answered.eofs or answered.lost)


@both
async def test_what_came_to_the_sockets_before_is_dropped(protocol: str, pair: Pair) -> None:
    """Datagrams of others that wait in a socket, and late ones of the punching, are no part of the tunnel."""
    a, b, other = udp(), udp(), udp()
    for sock, peer in ((a, b), (b, a)):
        for sender in (other, peer):
            for size in (1, 60, 130, 1200, 1350):
                sender.sendto(os.urandom(size), sock.getsockname())
    await pair.connect(protocol, a, b)
    end = pair.open()
    end.write(b"through")
    await until(lambda: pair.streams and pair.streams[0].data == b"through")
    other.connect(pair.streams[0].stream.info("sockname"))
    await until(lambda: is_refused(other))
    other.close()


def is_refused(sock: socket.socket) -> bool:
    """Whether the kernel says that nobody is there for ``sock``."""
    try:
        sock.send(b"x")
    except ConnectionRefusedError:
        return True
    return False


@both
async def test_the_end_of_a_tunnel_ends_its_streams(protocol: str, pair: Pair) -> None:
    await pair.connect(protocol, udp(), udp())
    end = pair.open()
    end.write(b"x")
    await until(lambda: pair.streams and pair.streams[0].data)
    pair.client.close()
    await until(lambda: pair.streams[0].lost and end.lost)
    await until(lambda: sorted(pair.lost) == ["client", "visitor"])
    with pytest.raises(Closed):
        pair.open()


@both
async def test_a_refused_datagram_is_not_the_end_before_the_peer_is_there(protocol: str, pair: Pair) -> None:
    """The reference closes its socket for a moment when it changes from punching to KCP."""
    a, b = udp(), udp()
    name, peer = b.getsockname(), a.getsockname()
    b.close()
    dialling = asyncio.gather(dial_tunnel(Hole(a, name), protocol, OPTIONS, pair.lose("visitor")))
    await asyncio.sleep(0.05)
    if protocol == "kcp":
        [pair.visitor] = await dialling
        pair.open().write(b"early")
        await asyncio.sleep(0.05)
    assert not pair.lost
    again = udp_at(name)
    pair.client = await accept_tunnel(Hole(again, peer), protocol, OPTIONS, pair.opened, pair.lose("client"))
    [pair.visitor] = await dialling
    if protocol == "quic":
        pair.open().write(b"early")
    await until(lambda: pair.streams and pair.streams[0].data == b"early")


def udp_at(name: tuple[str, int]) -> socket.socket:
    """A socket at an address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(name)
    return sock


async def test_no_handshake(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither side waits for ever, and nothing is left open."""
    monkeypatch.setattr(tunnel, "HANDSHAKE_TIMEOUT", 0.1)
    silent = udp()
    for make in (
        dial_tunnel(Hole(udp(), silent.getsockname()), "quic", OPTIONS, pair.lose("visitor")),
        accept_tunnel(Hole(udp(), silent.getsockname()), "quic", OPTIONS, pair.opened, pair.lose("client")),
    ):
        with pytest.raises(TimedOut, match=r"QUIC handshake within 0\.1 s"):
            await make
    assert not pair.lost
    silent.close()


async def test_one_connection_only(pair: Pair) -> None:
    """A second handshake from the same socket of the peer begins nothing."""
    a, b = udp(), udp()
    visitor = a.dup()
    await pair.connect("quic", a, b)
    first = pair.open()
    first.write(b"first")
    await until(lambda: pair.streams and pair.streams[0].data == b"first")
    initial = (
        bytes([0xC3]) + (1).to_bytes(4, "big") + b"\x08" + bytes(8) + b"\x08" + bytes(8) + b"\x00\x44\xd0"
    )
    visitor.send(initial + os.urandom(1200))
    first.write(b" second")
    await until(lambda: pair.streams[0].data == b"first second")
    assert not pair.lost
    assert len(pair.streams) == 1
    visitor.close()


@both
async def test_the_visitor_takes_no_streams(protocol: str, pair: Pair) -> None:
    await pair.connect(protocol, udp(), udp())
    refused: list[Stream | FrpError] = []
    pair.client.open(refused.append, refused.append)
    [stream] = refused
    assert not isinstance(stream, FrpError)
    end = End(stream).attach()
    end.write(b"x")
    pair.ends.append(end)
    await until(lambda: end.lost)


async def test_kcp_has_the_number_of_the_reference(pair: Pair) -> None:
    """The first datagram is lost here, and sent again."""
    a, peer = udp(), udp()
    name = a.getsockname()
    pair.visitor = await dial_tunnel(Hole(a, peer.getsockname()), "kcp", OPTIONS, pair.lose("visitor"))
    pair.open().write(b"x")
    async with asyncio.timeout(20):
        while True:
            try:
                datagram = peer.recv(2048)
                break
            except BlockingIOError:
                await asyncio.sleep(0.001)
    assert datagram[4:6] == b"\xf1\x00"  # data, with the header of error correction
    assert datagram[8:12] == b"\x01\x00\x00\x00"
    pair.client = await accept_tunnel(Hole(peer, name), "kcp", OPTIONS, pair.opened, pair.lose("client"))
    await until(lambda: pair.streams and pair.streams[0].data == b"x")

"""The network of one frpc over a device without the system: routes, checks of sources, slow connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from aiofrp.stream.memory import memory_pair
from aiofrp.vnet import network as module
from aiofrp.vnet.connection import PacketConnection
from aiofrp.vnet.device import Address, Device, DeviceError
from aiofrp.vnet.network import Network
from aiofrp.vnet.turns import SHARE
from tests.support.ends import End, until
from tests.support.ippackets import FakeDevice, framed, packed, packet
from tests.support.losses import Counted

HERE, PEER, OTHER = "100.86.0.1", "100.86.0.2", "100.86.0.3"


class Carried:
    """A connection of the network and its far end."""

    def __init__(self, network: Network, destination: str = "") -> None:
        near, far = memory_pair()
        self.end = End(far).attach()
        self.losses = Counted()
        self.ended: list[PacketConnection] = []
        if destination:
            self.connection = network.visit(packed(destination), near, self.losses, self.ended.append)
        else:
            self.connection = network.serve(near, self.losses, self.ended.append)

    async def over(self) -> None:
        self.connection.close()
        await until(lambda: self.ended and self.end.lost)


@asynccontextmanager
async def running(address: str = f"{HERE}/24") -> AsyncIterator[tuple[Network, FakeDevice]]:
    fake = FakeDevice()
    network = Network(address, fake.open)
    await network.open()
    try:
        yield network, fake
    finally:
        await network.close()
        fake.close()


@pytest.mark.both_loops
async def test_a_visitor_sends_and_receives() -> None:
    async with running() as (network, fake):
        visitor = Carried(network, PEER)
        there, back = packet(HERE, PEER, b"ping"), packet(PEER, HERE, b"pong")
        fake.send(there, there)
        await until(lambda: len(visitor.end.data) == 2 * len(framed(there)))
        assert visitor.end.data == framed(there, there)
        visitor.end.write(framed(back))
        await until(lambda: visitor.connection.bytes_in)
        assert fake.received() == [back]
        await visitor.over()
        fake.send(there)
        await until(lambda: network.dropped)
        assert network.dropped == {"no_route": 1}


async def test_a_visitor_gets_packets_of_its_peer_alone() -> None:
    async with running() as (network, fake):
        visitor = Carried(network, PEER)
        good = packet(PEER, HERE, b"good")
        mapped = packet("6456:2::", "fd00::1")  # an IPv6 address whose first bytes are those of the peer
        bad = [
            packet(OTHER, HERE),
            packet(HERE, HERE),
            packet("127.0.0.1", HERE),
            packet("fd00::2", "fd00::1"),
        ]
        visitor.end.write(framed(*bad, mapped, good, b"garbage", b"\x60"))
        await until(lambda: visitor.connection.bytes_in)
        assert fake.received() == [good]
        assert visitor.losses.seen == {"wrong_source": 5, "not_ip": 2}
        await visitor.over()


@pytest.mark.parametrize("own", [f"{HERE}/24", "fd00::1/64"])
async def test_the_proxy_side_answers_who_sent(own: str) -> None:
    own_ip = own.partition("/")[0]
    async with running(own) as (network, fake):
        first, second = Carried(network), Carried(network)
        peer, other = (PEER, OTHER) if own_ip == HERE else ("fd00::2", "fd00::3")
        answer, lost = packet(own_ip, peer, b"answer"), packet(own_ip, other)
        fake.send(answer)
        await until(lambda: network.dropped["no_route"] == 1)
        first.end.write(framed(packet(peer, own_ip)))
        await until(lambda: first.connection.bytes_in)
        assert fake.received() == [packet(peer, own_ip)]
        fake.send(answer, lost)
        await until(lambda: network.dropped["no_route"] == 2)
        await until(lambda: first.end.data)
        assert first.end.data == framed(answer)
        assert not second.end.data
        second.end.write(
            framed(packet(peer, own_ip, b"claimed"), packet(own_ip, peer), packet(other, own_ip))
        )
        await until(lambda: second.connection.bytes_in)
        assert fake.received() == [packet(other, own_ip)]
        assert second.losses.seen == {"source_in_use": 1, "own_source": 1}
        await first.over()
        await second.over()


async def test_one_slow_connection_keeps_nothing_from_the_others() -> None:
    async with running() as (network, fake):
        slow, quick = Carried(network, PEER), Carried(network, OTHER)
        slow.end.pause()
        big, small = packet(HERE, PEER, bytes(1400)), packet(HERE, OTHER, b"x")
        for turn in range(400):
            fake.send(big, big, small)
            expected = (turn + 1) * len(framed(small))
            while len(quick.end.data) < expected:
                await asyncio.sleep(0)
        assert quick.losses.seen == {}
        assert slow.losses.seen["full"] > 100
        slow.end.resume()
        await quick.over()
        await slow.over()


async def test_a_flood_of_small_packets_keeps_the_others_waiting_for_a_share() -> None:
    async with running() as (network, fake):
        flood, quick = Carried(network), Carried(network)
        good, spoofed = packet(PEER, HERE, b"x"), packet(HERE, HERE)
        flood.end.write(framed(*[spoofed] * 2000))
        quick.end.write(framed(good))
        await until(lambda: quick.connection.bytes_in)
        assert fake.received() == [good]
        assert 0 < flood.losses.seen["own_source"] <= 3 * SHARE
        await until(lambda: flood.losses.seen["own_source"] == 2000)
        await flood.over()
        await quick.over()


async def test_noise_of_the_device_is_dropped() -> None:
    async with running() as (network, fake):
        fake.send(b"\0", b"garbage", packet("fe80::1", "ff02::2"))
        await until(lambda: sum(network.dropped.values()) == 3)
        assert network.dropped == {"not_ip": 2, "no_route": 1}


async def test_a_device_that_is_gone_is_made_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CHECK_EVERY", 0.01)
    fakes: list[FakeDevice] = []
    failing = [False]

    def make(address: Address) -> Device:
        if failing[0]:
            failing[0] = False
            raise DeviceError("no more devices")
        fakes.append(FakeDevice())
        return fakes[-1].open(address)

    network = Network(f"{HERE}/24", make)
    await network.open()
    visitor = Carried(network, PEER)
    failing[0] = True
    fakes[0].removed = True
    await until(lambda: len(fakes) == 2 and network._device is not None)
    assert "the device fake0 of the virtual network is gone" in caplog.text
    assert "cannot be made again: no more devices" in caplog.text
    visitor.end.write(framed(packet(PEER, HERE)))
    await until(lambda: visitor.connection.bytes_in)
    assert fakes[-1].received() == [packet(PEER, HERE)]
    await visitor.over()
    await network.close()
    for fake in fakes:
        fake.close()


async def test_packets_while_there_is_no_device_are_counted() -> None:
    async with running() as (network, _):
        visitor = Carried(network, PEER)
        network._drop_device()
        visitor.end.write(framed(packet(PEER, HERE)))
        await until(lambda: network.dropped)
        assert network.dropped == {"refused": 1}
        await visitor.over()


@pytest.mark.parametrize("address", ["100.86.0.1", "nonsense/24"])
async def test_a_wrong_address(address: str, caplog: pytest.LogCaptureFixture) -> None:
    network = Network(address)
    with pytest.raises(DeviceError, match=f"invalid CIDR address: {address}"):
        await network.open()
    assert f"init virtual network controller error: invalid CIDR address: {address}" in caplog.text
    await network.close()


async def test_a_device_that_comes_after_the_end_is_removed() -> None:
    fake, proceed, ready = FakeDevice(), threading.Event(), threading.Event()

    def slowly(address: Address) -> Device:
        proceed.wait(60)
        made = fake.open(address)

        def close() -> None:
            made.close()
            ready.set()

        return Device(made.name, made.descriptor, close)

    network = Network(f"{HERE}/24", slowly)
    opening = asyncio.create_task(network.open())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await network.close()
    proceed.set()
    assert await asyncio.to_thread(ready.wait, 60)
    fake.close()

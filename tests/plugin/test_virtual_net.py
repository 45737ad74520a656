"""Both plugins virtual_net through a whole tunnel, over devices without the system: packets, layers, failures, ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from aiofrp.client.service import Client
from aiofrp.errors import ProxyError
from aiofrp.plugin.virtual_net import destination
from aiofrp.vnet import network, reconnect
from aiofrp.vnet.device import Address, Device, DeviceError
from tests.support import stunserver
from tests.support.ends import until
from tests.support.ippackets import FakeDevice, packed, packet
from tests.support.ports import free_port
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

HERE, PEER = "100.86.0.1", "100.86.0.2"
HERE6, PEER6 = "fd00:86::1", "fd00:86::2"
LAYERS = "transport.useEncryption = true\ntransport.useCompression = true\n"


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, FakeDevice]]:
    """The devices that networks make, by their addresses."""
    made: dict[str, FakeDevice] = {}

    def make(address: Address) -> Device:
        before = made.pop(str(address.ip), None)
        if before is not None:
            before.close()
        fake = made[str(address.ip)] = FakeDevice()
        return fake.open(address)

    monkeypatch.setattr(network, "open_device", make)
    yield made
    for fake in made.values():
        fake.close()


def member(address: str) -> str:
    return f'featureGates = {{ VirtualNet = true }}\nvirtualNet.address = "{address}"\n'


def proxy(extra: str = "") -> str:
    return (
        f'[[proxies]]\nname = "net"\ntype = "stcp"\nsecretKey = "abc"\n{extra}'
        '[proxies.plugin]\ntype = "virtual_net"\n'
    )


def visitor(destination: str = HERE, extra: str = "bindPort = -1\n", key: str = "abc") -> str:
    return (
        f'[[visitors]]\nname = "v"\ntype = "stcp"\nserverName = "net"\nsecretKey = "{key}"\n{extra}'
        f'[visitors.plugin]\ntype = "virtual_net"\ndestinationIP = "{destination}"\n'
    )


@asynccontextmanager
async def joined(first: str, second: str) -> AsyncIterator[tuple[Client, Client]]:
    """Two clients of one server, with these files."""
    async with running_server(server_config()) as server:
        port = server.address[1]
        async with (
            running_client(client_config(port, first)) as here,
            running_client(client_config(port, second), settle=False) as there,
        ):
            yield here, there


async def passes(sender: FakeDevice, receiver: FakeDevice, *packets: bytes) -> None:
    """Packets that go into one device come out of the other."""
    got: list[bytes] = []

    def all_there() -> bool:
        got.extend(receiver.received())
        return len(got) >= len(packets)

    sender.send(*packets)
    await until(all_there)
    assert got == list(packets)


@pytest.mark.parametrize(
    ("here", "peer", "layers"),
    [(HERE, PEER, ""), (HERE, PEER, LAYERS), (HERE6, PEER6, "")],
    ids=["plain", "layers", "IPv6"],
)
async def test_packets_go_both_ways(
    here: str, peer: str, layers: str, devices: dict[str, FakeDevice]
) -> None:
    first = member(f"{here}/64" if ":" in here else f"{here}/24") + proxy(layers)
    second = member(f"{peer}/64" if ":" in peer else f"{peer}/24") + visitor(here, f"bindPort = -1\n{layers}")
    async with joined(first, second) as (_, there):
        await until(lambda: there.visitors.find("v"))
        away = [packet(peer, here, bytes([index]) * 1380) for index in range(8)]
        await passes(devices[peer], devices[here], *away)
        await passes(devices[here], devices[peer], packet(here, peer, b"back"))
        await passes(devices[peer], devices[here], *away[:1])


async def test_packets_go_through_a_hole(devices: dict[str, FakeDevice]) -> None:
    """A visitor of type xtcp; the first packet waits until both have met."""
    no_others = "natTraversal.disableAssistedAddrs = true\n"
    with stunserver.running() as stun:
        head = f'natHoleStunServer = "{stun}"\n'
        first = head + member(f"{HERE}/24") + proxy(no_others).replace("stcp", "xtcp")
        second = (
            head + member(f"{PEER}/24") + visitor(extra=f"bindPort = -1\n{no_others}").replace("stcp", "xtcp")
        )
        async with joined(first, second) as (_, there):
            await until(lambda: there.visitors.find("v"))
            await passes(devices[PEER], devices[HERE], packet(PEER, HERE))
            await passes(devices[HERE], devices[PEER], packet(HERE, PEER, b"back"))


async def test_after_a_failure_and_after_an_end_it_connects_again(
    devices: dict[str, FakeDevice], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(reconnect, "AFTER_FAILURE", 0.02)
    monkeypatch.setattr(reconnect, "AFTER_END", 0.01)
    async with running_server(server_config()) as server:
        port = server.address[1]
        async with running_client(client_config(port, member(f"{PEER}/24") + visitor()), settle=False):
            await until(lambda: "consecutive errors: 2" in caplog.text)
            assert (
                "connection closed with error for visitor [v] (consecutive errors: 1): start new visitor connection "
                "error: custom listener for [net] doesn't exist" in caplog.text
            )
            assert "waiting 0.02s before attempting reconnection for visitor [v]..." in caplog.text
            first = client_config(port, member(f"{HERE}/24") + proxy())
            for _ in range(2):
                caplog.clear()
                async with running_client(first):
                    await until(lambda: delivered(devices))
                await until(lambda: "connection closed normally for visitor [v]" in caplog.text)
                assert "waiting 0.01s before attempting reconnection for visitor [v]..." in caplog.text


def delivered(devices: dict[str, FakeDevice]) -> bool:
    """Whether the peer's packets arrive; one is sent."""
    devices[PEER].send(packet(PEER, HERE))
    return bool(devices[HERE].received())


async def test_a_wrong_key_is_an_error(
    devices: dict[str, FakeDevice], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with joined(member(f"{HERE}/24") + proxy(), member(f"{PEER}/24") + visitor(key="wrong")):
        await until(lambda: "waiting 60s before attempting reconnection for visitor [v]..." in caplog.text)
        assert "(consecutive errors: 1): start new visitor connection error:" in caplog.text


@pytest.mark.parametrize("which", ["visitor", "proxy"])
async def test_a_reload_that_removes_it_ends_its_connection(
    which: str, devices: dict[str, FakeDevice]
) -> None:
    async with joined(member(f"{HERE}/24") + proxy(), member(f"{PEER}/24") + visitor()) as (here, there):
        await until(lambda: there.visitors.find("v"))
        (running,) = here.proxies.running()
        devices[PEER].send(packet(HERE, HERE), packet(HERE, HERE))
        await passes(devices[PEER], devices[HERE], packet(PEER, HERE))
        assert running.losses.counts == {"own_source": 2}
        await (there.visitors if which == "visitor" else here.proxies).update([])
        await until(lambda: not len(here.proxies._connections))
        await until(lambda: not len(there.visitors.connections))


async def test_a_proxy_needs_the_network() -> None:
    async with joined(proxy(), "") as (here, _):
        (running,) = here.proxies.running()
        assert running.state.error == "plugin virtual_net needs virtualNet.address"


async def test_a_visitor_without_the_network_serves_its_users(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    async with local_service(echo) as local:
        plain = f'[[proxies]]\nname = "net"\ntype = "stcp"\nsecretKey = "abc"\nlocalPort = {local}\n'
        async with joined(plain, visitor(extra=f"bindPort = {port}\n")) as (_, there):
            await until(lambda: there.visitors.find("v"))
            assert await exchange(port, b"user") == b"user"
            assert "plugin virtual_net has no effect without virtualNet.address" in caplog.text


async def test_a_visitor_of_datagrams_ignores_the_plugin(devices: dict[str, FakeDevice]) -> None:
    text = visitor("", f"bindPort = {free_port()}\n").replace('"stcp"', '"sudp"')
    async with joined("", member(f"{PEER}/24") + text) as (_, there):
        await until(lambda: there.visitors.find("v"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "destinationIP is required"),
        ("100.86.0.1/24", r"invalid destination IP address \[100.86.0.1/24\]"),
        ("host", r"invalid destination IP address \[host\]"),
    ],
)
async def test_wrong_destinations(
    text: str, expected: str, devices: dict[str, FakeDevice], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ProxyError, match=f"^{expected}$"):
        destination(text)
    async with joined("", member(f"{PEER}/24") + visitor(text)):
        await until(lambda: "start error: " in caplog.text)


@pytest.mark.parametrize(("text", "expected"), [(HERE, HERE), (HERE6, HERE6), (f"::ffff:{HERE}", HERE)])
def test_destinations(text: str, expected: str) -> None:
    assert destination(text) == packed(expected)


async def test_without_a_device_frpc_ends_before_it_logs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(address: Address) -> Device:
        raise DeviceError("no devices here")

    monkeypatch.setattr(network, "open_device", make)
    async with running_server(server_config()) as server:
        client = Client(client_config(server.address[1], member(f"{HERE}/24")))
        with pytest.raises(DeviceError, match=r"^no devices here$"):
            await client.run()
        assert not client.run_id

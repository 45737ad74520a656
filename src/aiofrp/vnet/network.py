"""The virtual network of one frpc: its device, and the connections that its packets go over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from aiofrp import logs
from aiofrp.aio import Scope
from aiofrp.stream.base import Stream
from aiofrp.stream.udp.losses import Losses
from aiofrp.vnet.connection import PacketConnection
from aiofrp.vnet.device import Address, Device, DeviceError, parse_address
from aiofrp.vnet.routes import Routes
from aiofrp.vnet.system import open_device
from aiofrp.vnet.turns import PacketTurns
from aiofrp.wire.ippacket import addresses

#: Seconds between two checks that the device is still there, and between attempts to make it again.
CHECK_EVERY: Final = 10.0

_log = logs.get(__name__)

Ended = Callable[[PacketConnection], None]


class Network:
    """Reads the device in batches and never waits for a connection: each has a limited queue of its own."""

    def __init__(self, address: str, make: Callable[[Address], Device] | None = None) -> None:
        """``address``: that of this machine in the network, with the length of its prefix. ``make`` makes the
        device, by default that of the system; it may block."""
        self._text = address
        self._make_device = make or open_device
        self._own = b""
        self._device: Device | None = None
        self._routes: Routes[PacketConnection] = Routes()
        self._turns = PacketTurns()
        self._scope = Scope("virtual network")
        self._closed = False
        self.dropped: Counter[str] = (
            Counter()
        )  #: packets that no connection, or not the device, got, by cause
        self._losses = Losses(_log, self._count)

    def __repr__(self) -> str:
        return f"<Network {self._text} {self._device.name if self._device is not None else 'no device'}>"

    async def open(self) -> None:
        """Make the device. Logs and raises :class:`~aiofrp.vnet.device.DeviceError`."""
        try:
            address = parse_address(self._text)
            await self._make(address)
        except DeviceError as exc:
            _log.error("init virtual network controller error: %s", exc)
            raise
        self._own = address.ip.packed
        self._scope.spawn(self._watch_device(address), "device")

    async def close(self) -> None:
        """Remove the device; connections are their owners' to end."""
        self._closed = True
        await self._scope.close()
        self._drop_device()
        self._losses.close()

    # For the plugins

    def serve(self, stream: Stream, losses: Losses, ended: Ended) -> PacketConnection:
        """Carry packets over the connection of a visitor: where it is found is learned from the packets it sends."""
        connection = PacketConnection(stream, losses, self._turns)
        routes, now = self._routes, asyncio.get_running_loop().time

        def admit(pair: bytes) -> str:
            if self._is_own(pair):
                return "own_source"
            return "" if routes.learn(pair, connection, now()) else "source_in_use"

        def over(connection: PacketConnection) -> None:
            routes.forget(connection)
            ended(connection)

        connection.start(admit, self._receive, over)
        return connection

    def visit(self, destination: bytes, stream: Stream, losses: Losses, ended: Ended) -> PacketConnection:
        """Carry packets for the address ``destination`` over the connection to a proxy. Of what comes back only
        packets with this address as their source are passed on."""
        connection = PacketConnection(stream, losses, self._turns)
        size, length = len(destination), 2 * len(destination)

        def admit(pair: bytes) -> str:
            return "" if len(pair) == length and pair[:size] == destination else "wrong_source"

        def over(connection: PacketConnection) -> None:
            self._routes.remove(destination, connection)
            ended(connection)

        self._routes.add(destination, connection)
        connection.start(admit, self._receive, over)
        return connection

    # Private: packets

    def _count(self, cause: str, count: int) -> None:
        self.dropped[cause] += count

    def _is_own(self, pair: bytes) -> bool:
        own = self._own
        return len(pair) == 2 * len(own) and pair.startswith(own)

    def _receive(self, packets: list[bytes]) -> None:
        """Packets of a connection."""
        refused, why = (
            self._device.send(packets) if self._device is not None else (len(packets), "it is gone")
        )
        if refused:
            self._losses.lost(
                "refused", f"the device of the virtual network does not take them: {why}", refused, "packets"
            )

    def _readable(self) -> None:
        """The device has packets."""
        assert self._device is not None
        try:
            packets = self._device.receive()
        except DeviceError as exc:
            _log.seldom.warning("vnet read from tun error: %s", exc)
            asyncio.get_running_loop().remove_reader(self._device.descriptor)  # until the next check
            return
        find = self._routes.find
        receivers: dict[PacketConnection, None] = {}
        for packet in packets:
            pair = addresses(packet)
            connection = find(pair) if pair is not None else None
            if connection is None:
                self.dropped["no_route" if pair is not None else "not_ip"] += 1
            else:
                connection.add(packet)
                receivers[connection] = None
        for connection in receivers:
            connection.flush()

    # Private: the device

    async def _make(self, address: Address) -> None:
        device = await asyncio.to_thread(self._open_unless_closed, address)
        self._device = device
        asyncio.get_running_loop().add_reader(device.descriptor, self._readable)
        _log.info("virtual network: device %s has address %s", device.name, address)

    def _open_unless_closed(self, address: Address) -> Device:
        """In a thread, which goes on when the task that waits for it is cancelled."""
        device = self._make_device(address)
        if self._closed:
            device.close()
        return device

    def _drop_device(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            asyncio.get_running_loop().remove_reader(device.descriptor)
            device.close()

    async def _watch_device(self, address: Address) -> None:
        """Make the device again when somebody has removed it."""
        while True:
            await asyncio.sleep(CHECK_EVERY)
            if self._device is not None and self._device.exists():
                continue
            if self._device is not None:
                _log.error("the device %s of the virtual network is gone", self._device.name)
                self._drop_device()
            try:
                await self._make(address)
            except DeviceError as exc:
                _log.seldom.warning("the device of the virtual network cannot be made again: %s", exc)

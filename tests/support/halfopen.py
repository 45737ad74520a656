"""Relays that swallow what passes for a while, as a network does that lost a route, and then heal.

Nobody is told: connections stay open at both ends. After healing either everything goes on, or only connections made
since then do, as behind a gateway that forgot the others.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol, cast

from bench.datagrams import BATCH, LONGEST, udp_socket

#: Seconds without a datagram after which a UDP flow is forgotten; longer than any keep-alive of the tests.
_FORGET = 20.0


class Relay(Protocol):
    """What both kinds can do."""

    port: int  #: where clients connect

    @property
    def descriptors(self) -> int:
        """File descriptors it holds for connections now."""

    def swallow(self) -> None:
        """Let nothing pass any more."""

    def heal(self, *, revive: bool) -> None:
        """Let everything pass again; without ``revive`` only what is connected from now on."""

    def bury(self) -> None:
        """End what was not revived, as a keep-alive of hours does."""


# TCP


class _Half(asyncio.Protocol):
    """One side of a relayed connection. A half that swallows is not read: its bytes arrive late, as those a sender
    repeats until the way is free."""

    def __init__(self, pair: _Pair) -> None:
        self._pair = pair
        self._transport: asyncio.Transport | None = None
        self._congested = False  # the other half takes nothing now
        self._early = b""
        self.other: _Half | None = None
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        asyncio.get_running_loop().call_soon(self.turn)  # a loop may begin to read after this method

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early += data  # what the loop read before it was told not to
        else:
            self.other.write(data)

    def eof_received(self) -> bool:
        if self.other is not None and self.other._transport is not None:
            with suppress(OSError, RuntimeError):
                self.other._transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True
        self._pair.end()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other._congested = True
            self.other.turn()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other._congested = False
            self.other.turn()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self.over:
            self._transport.write(data)

    def join(self, other: _Half) -> None:
        """Send what comes to ``other`` from now on."""
        self.other = other
        other.write(self._early)

    def turn(self) -> None:
        """Read or not, as things are now."""
        if self._transport is None or self.over:
            return
        if self._pair.passes and self.other is not None and not self._congested:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def abort(self) -> None:
        if self._transport is not None and not self.over:
            self._transport.abort()


class _Pair:
    """A relayed connection."""

    def __init__(self, relay: TcpRelay) -> None:
        self._relay = relay
        self.passes = relay.passes
        self.halves = [_Half(self)]

    async def join(self, target: int) -> None:
        """Connect to the server."""
        near = self.halves[0]
        try:
            _, far = await asyncio.get_running_loop().create_connection(
                lambda: _Half(self), "127.0.0.1", target
            )
        except OSError:
            near.abort()
            return
        self.halves.append(far)
        near.join(far)
        far.join(near)
        if near.over:
            far.abort()
        self.turn(self.passes)

    def turn(self, passes: bool) -> None:
        self.passes = passes
        for half in self.halves:
            half.turn()

    def end(self) -> None:
        """A half is over: the other too."""
        for half in self.halves:
            half.abort()
        if all(half.over for half in self.halves):
            self._relay.pairs.discard(self)


class TcpRelay:
    """Relays TCP connections to 127.0.0.1:``target``."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.passes = True
        self.pairs: set[_Pair] = set()
        self._target = target
        self._dead: set[_Pair] = set()
        self._joining: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def descriptors(self) -> int:
        return sum(len(pair.halves) for pair in self.pairs)

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def swallow(self) -> None:
        self.passes = False
        for pair in self.pairs:
            pair.turn(False)

    def heal(self, *, revive: bool) -> None:
        self.passes = True
        if not revive:
            self._dead = set(self.pairs)
            return
        for pair in list(self.pairs):
            if len(pair.halves) == 1:
                self._join(pair)
            pair.turn(True)

    def bury(self) -> None:
        for pair in self._dead & self.pairs:
            pair.end()
        self._dead.clear()

    async def close(self) -> None:
        """End everything."""
        assert self._server is not None
        self._server.close()
        for task in list(self._joining):
            task.cancel()
        for pair in list(self.pairs):
            pair.end()
        await self._server.wait_closed()

    def _accept(self) -> _Half:
        pair = _Pair(self)
        self.pairs.add(pair)
        if self.passes:
            self._join(pair)
        return pair.halves[0]

    def _join(self, pair: _Pair) -> None:
        task = asyncio.create_task(pair.join(self._target))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)


# UDP


class _Flow:
    """The datagrams of one client's socket: a socket of our own towards the server."""

    def __init__(self, sock: socket.socket, now: float) -> None:
        self.sock = sock
        self.used = now
        self.passes = True


class UdpRelay:
    """Relays datagrams to 127.0.0.1:``target`` and back, each client's from a port of its own."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._passes = True
        self._flows: dict[tuple[str, int], _Flow] = {}
        self._front = udp_socket()
        self._front.bind(("127.0.0.1", 0))
        self.port: int = self._front.getsockname()[1]
        self._loop.add_reader(self._front.fileno(), self._forth)

    @property
    def descriptors(self) -> int:
        return len(self._flows)

    def swallow(self) -> None:
        self._passes = False
        old = self._loop.time() - _FORGET
        for address in [address for address, flow in self._flows.items() if flow.used < old]:
            self._drop(address)

    def heal(self, *, revive: bool) -> None:
        self._passes = True
        for flow in self._flows.values():
            flow.passes = revive

    def bury(self) -> None:
        for address in [address for address, flow in self._flows.items() if not flow.passes]:
            self._drop(address)

    def close(self) -> None:
        """End everything."""
        for address in list(self._flows):
            self._drop(address)
        self._loop.remove_reader(self._front.fileno())
        self._front.close()

    def _forth(self) -> None:
        with suppress(BlockingIOError):
            for _ in range(BATCH):
                data, address = self._front.recvfrom(LONGEST)
                flow = self._flows.get(address) or self._begin(address)
                flow.used = self._loop.time()
                if self._passes and flow.passes:
                    with suppress(OSError):  # lost, as datagrams may be
                        flow.sock.send(data)

    def _back(self, flow: _Flow, address: tuple[str, int]) -> None:
        with suppress(OSError):
            for _ in range(BATCH):
                data = flow.sock.recv(LONGEST)
                flow.used = self._loop.time()
                if self._passes and flow.passes:
                    self._front.sendto(data, address)

    def _begin(self, address: tuple[str, int]) -> _Flow:
        sock = udp_socket()
        sock.connect(("127.0.0.1", self._target))
        flow = self._flows[address] = _Flow(sock, self._loop.time())
        self._loop.add_reader(sock.fileno(), self._back, flow, address)
        return flow

    def _drop(self, address: tuple[str, int]) -> None:
        flow = self._flows.pop(address)
        self._loop.remove_reader(flow.sock.fileno())
        flow.sock.close()


@asynccontextmanager
async def relay(target: int, *, datagrams: bool) -> AsyncIterator[Relay]:
    """A relay to 127.0.0.1:``target``, of UDP or of TCP."""
    if datagrams:
        udp = UdpRelay(target)
        try:
            yield udp
        finally:
            udp.close()
    else:
        tcp = TcpRelay(target)
        await tcp.open()
        try:
            yield tcp
        finally:
            await tcp.close()

"""The load generator: one kind of traffic through one address, and one line of JSON about it.

    python -m bench.loadgen serve 127.0.0.1:9000
    python -m bench.loadgen ping 127.0.0.1:9000 --connections 32 --seconds 3

The clients are bare protocols on uvloop, and where many sockets each do little, bare sockets on epoll, so that on a
direct connection they read about what a load generator in a compiled language reads. They take more processor time,
though, and a tunnel on the same cores has less: :mod:`bench.native` does the tests with small operations instead, and
the serving, where there is a C compiler.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import resource
import sys
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, cast

import uvloop

from bench import webload
from bench.crowd import Crowd
from bench.dialler import Dialler
from bench.figures import PATIENCE, Address, Figures, parse_address, percentiles
from bench.payload import payload
from bench.server import REPORT_SIZE, client_hello, serve

#: Messages at the start of a connection that do not count: the first ones pay for dialling the far end.
_WARM_UP = 20
#: Seconds after which a datagram is lost.
_DATAGRAM_PATIENCE = 0.2
#: Bytes of address space this program may have, lest a fault in it take the machine down.
_MAX_MEMORY = 4 << 30
#: Connections that "hold" opens at a time.
_AT_A_TIME = 64


# Client protocols


class Down(asyncio.Protocol):
    """Asks a source and counts; ``preface`` goes before the question."""

    def __init__(self, preface: bytes = b"") -> None:
        self.bytes = 0
        self._preface = preface

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._preface + b"g")

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)


class Up(asyncio.Protocol):
    """Fills a sink; counts what the sink says it has, not what left."""

    def __init__(self) -> None:
        self.bytes = 0
        self._rest = b""
        self._chunk = payload()
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"s")
        self._pump()

    def data_received(self, data: bytes) -> None:
        reports = self._rest + data
        whole = len(reports) // REPORT_SIZE * REPORT_SIZE
        if whole:
            self.bytes = int.from_bytes(reports[whole - REPORT_SIZE : whole], "big")
        self._rest = reports[whole:]

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        while not self._paused and not self._transport.is_closing():
            self._transport.write(self._chunk)


class Ping(asyncio.Protocol):
    """Sends a message, waits until all of it is back, sends the next."""

    def __init__(self, size: int) -> None:
        self.times: list[float] = []
        self._message = payload(max(size, 1024))[:size]
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"e")
        self._next()

    def data_received(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing <= 0:
            self.times.append(perf_counter() - self._sent)
            self._next()

    def _next(self) -> None:
        self._missing = len(self._message)
        self._sent = perf_counter()
        self._transport.write(self._message)


class Held(asyncio.Protocol):
    """An idle connection that can be asked whether it lives."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(b"e")
        self._answer: asyncio.Future[bool] | None = None

    def data_received(self, data: bytes) -> None:
        self._settle(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle(False)

    def _settle(self, alive: bool) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(alive)

    async def prove(self) -> bool:
        """Have one byte echoed; whether it came back in time."""
        if self.transport.is_closing():
            return False
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(b"x")
        try:
            return await asyncio.wait_for(self._answer, PATIENCE)
        except TimeoutError:
            return False


class Datagrams(asyncio.DatagramProtocol):
    """Sends a datagram, waits for it, sends the next; a lost one is given up by :meth:`sweep`."""

    def __init__(self, size: int) -> None:
        self.times: list[float] = []
        self.sent = self.lost = 0
        self._message = payload(max(size, 1024))[:size]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._next()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.times.append(perf_counter() - self._at)
        self._next()

    def sweep(self) -> None:
        """Give up a datagram that is on its way for too long."""
        if perf_counter() - self._at > _DATAGRAM_PATIENCE:
            self.lost += 1
            self._next()

    def _next(self) -> None:
        self.sent += 1
        self._at = perf_counter()
        self._transport.sendto(self._message)


# Tests: address and options in, figures out


async def bulk(kind: Callable[[], Down | Up], address: Address, options: argparse.Namespace) -> Figures:
    """Megabytes per second over all connections."""
    loop = asyncio.get_running_loop()
    start = perf_counter()
    made: list[tuple[asyncio.Transport, Down | Up]] = [
        await loop.create_connection(kind, *address) for _ in range(options.connections)
    ]
    await asyncio.sleep(options.seconds)
    total, elapsed = sum(protocol.bytes for _, protocol in made), perf_counter() - start
    for transport, _ in made:
        transport.abort()
    return {"bytes": total, "MBps": total / 1e6 / elapsed}


async def down(address: Address, options: argparse.Namespace) -> Figures:
    """Bulk from the server."""
    return await bulk(Down, address, options)


async def https(address: Address, options: argparse.Namespace) -> Figures:
    """Bulk from the server, on connections that begin as TLS does."""
    return await bulk(functools.partial(Down, client_hello()), address, options)


async def up(address: Address, options: argparse.Namespace) -> Figures:
    """Bulk to the server."""
    return await bulk(Up, address, options)


async def ping(address: Address, options: argparse.Namespace) -> Figures:
    """Round trips of one message at a time on every connection."""
    loop = asyncio.get_running_loop()
    start = perf_counter()
    made = [
        await loop.create_connection(lambda: Ping(options.size), *address) for _ in range(options.connections)
    ]
    await asyncio.sleep(options.seconds)
    elapsed = perf_counter() - start
    for transport, _ in made:
        transport.abort()
    times = [time for _, protocol in made for time in protocol.times[_WARM_UP:]]
    return {"per_s": len(times) / elapsed, **percentiles(times)}


async def udp(address: Address, options: argparse.Namespace) -> Figures:
    """Round trips of one datagram at a time on every socket."""
    loop = asyncio.get_running_loop()
    start = perf_counter()
    made = [
        await loop.create_datagram_endpoint(lambda: Datagrams(options.size), remote_addr=address)
        for _ in range(options.connections)
    ]
    while (left := options.seconds - (perf_counter() - start)) > 0:
        await asyncio.sleep(min(left, _DATAGRAM_PATIENCE / 4))
        for _, protocol in made:
            protocol.sweep()
    elapsed = perf_counter() - start
    for transport, _ in made:
        transport.abort()
    times = [time for _, protocol in made for time in protocol.times]
    sent, lost = (sum(getattr(protocol, name) for _, protocol in made) for name in ("sent", "lost"))
    return {"per_s": len(times) / elapsed, "sent": sent, "lost": lost, **percentiles(times)}


async def hold(address: Address, options: argparse.Namespace) -> Figures:
    """Open connections, prove each, hold them for a while, prove them again.

    Says ``holding`` on standard error in between, when the time has come to look at the programs' memory.
    """
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_AT_A_TIME)
    held: list[Held] = []

    async def open_one() -> bool:
        async with gate:
            try:
                _, protocol = await loop.create_connection(Held, *address)
            except OSError:
                return False
            held.append(protocol)
            return await protocol.prove()

    start = perf_counter()
    opened = sum(await asyncio.gather(*(open_one() for _ in range(options.connections))))
    elapsed = perf_counter() - start
    print("holding", file=sys.stderr, flush=True)
    await asyncio.sleep(options.seconds)
    alive = sum(await asyncio.gather(*(protocol.prove() for protocol in held)))
    for protocol in held:
        protocol.transport.abort()
    return {"opened": opened, "alive": alive, "open_s": elapsed}


async def conn(address: Address, options: argparse.Namespace) -> Figures:
    """New connections per second."""
    return Dialler(address).run(options.connections, options.seconds)


async def crowd(address: Address, options: argparse.Namespace) -> Figures:
    """How many datagrams of a crowd are lost."""
    return Crowd(address, options.connections, options.size).run(options.seconds)


Client = Callable[[Address, argparse.Namespace], Coroutine[Any, Any, Figures]]

CLIENTS: dict[str, Client] = {
    "down": down,
    "up": up,
    "ping": ping,
    "conn": conn,
    "hold": hold,
    "udp": udp,
    "crowd": crowd,
    "https": https,
    "http": webload.keep_alive,
    "httpclose": webload.close,
    "post": webload.post,
    "get": webload.get,
    "slowloris": webload.slowloris,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="bench.loadgen", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("mode", choices=["serve", *CLIENTS])
    parser.add_argument("address", type=parse_address, help="HOST:PORT")
    parser.add_argument("--connections", type=int, default=1, help="at the same time (default 1)")
    parser.add_argument("--size", type=int, default=64, help="bytes of a message (default 64)")
    parser.add_argument("--seconds", type=float, default=3, help="duration (default 3)")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))
    if options.mode == "serve":
        uvloop.run(serve(*options.address))
    else:
        figures = uvloop.run(CLIENTS[options.mode](options.address, options))
        print(json.dumps({"mode": options.mode, "connections": options.connections, **figures}))


if __name__ == "__main__":
    main()

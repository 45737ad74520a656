"""A bad path for datagrams: a relay that loses some and delays the others, the same ones in each run.

    python -m bench.lossy 127.0.0.1:7001 127.0.0.1:7000 --loss 0.05 --delay 0.02

Says "ready" on standard output once it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import uvloop

from bench.datagrams import BATCH, LONGEST, udp_socket
from bench.figures import Address, parse_address


class Way:
    """One direction of one flow."""

    def __init__(self, send: Callable[[bytes], object], loss: float, delay: float, seed: str) -> None:
        self._send = send
        self._loss = loss
        self._delay = delay
        self._chance = random.Random(seed)
        self._under_way: deque[tuple[float, bytes]] = deque()  # limited by what comes within the delay
        self._loop = asyncio.get_running_loop()

    def put(self, data: bytes) -> None:
        """Send a datagram on its way, if it is not to be lost."""
        if self._chance.random() < self._loss:
            return
        if not self._under_way:
            self._loop.call_later(self._delay, self._arrive)
        self._under_way.append((self._loop.time() + self._delay, data))

    def _arrive(self) -> None:
        now = self._loop.time()
        while self._under_way and self._under_way[0][0] <= now:
            with suppress(OSError):  # no room, or nobody there
                self._send(self._under_way.popleft()[1])
        if self._under_way:
            self._loop.call_at(self._under_way[0][0], self._arrive)


class Relay:
    """Relays datagrams to ``target`` and back, each client's from a port of its own."""

    def __init__(self, listen: Address, target: Address, loss: float, delay: float, seed: int) -> None:
        self._target = target
        self._settings = loss, delay
        self._seed = seed
        self._loop = asyncio.get_running_loop()
        self._flows: dict[Address, tuple[Way, socket.socket]] = {}  # for as long as the relay runs
        self._front = udp_socket()
        self._front.bind(listen)
        self._loop.add_reader(self._front, self._forth)

    def close(self) -> None:
        """End everything."""
        for sock in (self._front, *(sock for _, sock in self._flows.values())):
            self._loop.remove_reader(sock)
            sock.close()

    def _forth(self) -> None:
        with suppress(OSError):
            for _ in range(BATCH):
                data, client = self._front.recvfrom(LONGEST)
                way = self._flows[client][0] if client in self._flows else self._begin(client)
                way.put(data)

    def _begin(self, client: Address) -> Way:
        sock = udp_socket()
        sock.connect(self._target)
        number = len(self._flows)
        forth = Way(sock.send, *self._settings, f"{self._seed} {number} forth")
        back = Way(
            lambda data: self._front.sendto(data, client), *self._settings, f"{self._seed} {number} back"
        )
        self._flows[client] = forth, sock
        self._loop.add_reader(sock, _read, sock, back)
        return forth


def _read(sock: socket.socket, way: Way) -> None:
    with suppress(OSError):
        for _ in range(BATCH):
            way.put(sock.recv(LONGEST))


class Closable(Protocol):
    """A relay that runs from when it is made."""

    def close(self) -> None:
        """End everything."""


async def run(make: Callable[[], Closable]) -> None:
    """Make a relay, say "ready", and let it run until this is cancelled."""
    running = make()
    print("ready", flush=True)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        running.close()


def add_settings(parser: argparse.ArgumentParser, loss: float) -> None:
    """The options ``--loss``, of which ``loss`` is the default, ``--delay`` and ``--seed``."""
    parser.add_argument("--loss", type=float, default=loss, help="part of the datagrams lost, each way")
    parser.add_argument("--delay", type=float, default=0.02, help="seconds the others take, each way")
    parser.add_argument("--seed", type=int, default=1, help="chooses which are lost")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench.lossy", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("listen", type=parse_address, help="HOST:PORT")
    parser.add_argument("target", type=parse_address, help="HOST:PORT")
    add_settings(parser, 0.05)
    options = parser.parse_args()
    uvloop.run(run(lambda: Relay(options.listen, options.target, options.loss, options.delay, options.seed)))


if __name__ == "__main__":
    main()

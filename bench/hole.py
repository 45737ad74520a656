"""A bad path between two clients of xtcp, without privileges: a STUN server whose answers name ports of a relay.

    python -m bench.hole 127.0.0.1:3478 127.0.0.1:3479 --loss 0.02 --delay 0.02

Each client that asks gets a port of its own. What another client sends there reaches it after the delay, from the port
of that other client, or is lost. Which datagrams are lost is the same in each run. Both clients look as if they stood
behind a NAT with one port for all destinations. Says "ready" on standard output once it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import random
import socket
from collections import deque

from aiofrp.stream.udp.socket import Address, Piece, UdpSocket
from bench.datagrams import udp_socket
from bench.figures import parse_address
from bench.lossy import add_settings, run

_COOKIE = 0x2112A442
_REQUEST, _HEADER = b"\0\x01", 20
_MAPPED, _OTHER = 0x0020, 0x802C


def stun_answer(request: bytes, mapped: Address, other: Address) -> bytes:
    """The success response to a Binding request: XOR-MAPPED-ADDRESS and OTHER-ADDRESS (RFC 8489, RFC 5780)."""
    named = (
        (_MAPPED, mapped[1] ^ _COOKIE >> 16, int(ipaddress.IPv4Address(mapped[0])) ^ _COOKIE),
        (_OTHER, other[1], int(ipaddress.IPv4Address(other[0]))),
    )
    attributes = b"".join(
        kind.to_bytes(2, "big") + b"\0\x08\0\x01" + port.to_bytes(2, "big") + host.to_bytes(4, "big")
        for kind, port, host in named
    )
    return b"\x01\x01" + len(attributes).to_bytes(2, "big") + request[4:_HEADER] + attributes


class MappedPort:
    """The port of one client: what others send here is for it."""

    def __init__(self, client: Address, relay: Relay, number: int) -> None:
        sock = udp_socket()
        sock.bind((relay.host, 0))
        self.udp = UdpSocket(sock, self._received, lambda exc: None)
        self.address: Address = sock.getsockname()
        self._client = client
        self._relay = relay
        self._chance = random.Random(f"{relay.seed} {number}")
        self._under_way: deque[tuple[float, UdpSocket, list[bytes]]] = deque()  # limited by the delay
        self._loop = asyncio.get_running_loop()

    def _received(self, pieces: list[Piece]) -> None:
        chance, loss = self._chance.random, self._relay.loss
        due = self._loop.time() + self._relay.delay
        for data, size, source in pieces:
            other = self._relay.ports.get(source)
            kept = [data[at : at + size] for at in range(0, len(data), size) if chance() >= loss]
            if other is not None and kept:
                if not self._under_way:
                    self._loop.call_at(due, self._arrive)
                self._under_way.append((due, other.udp, kept))

    def _arrive(self) -> None:
        now = self._loop.time() + 0.0005
        while self._under_way and self._under_way[0][0] <= now:
            _, udp, datagrams = self._under_way.popleft()
            udp.send(datagrams, self._client)
        if self._under_way:
            self._loop.call_at(self._under_way[0][0], self._arrive)


class Relay:
    """The STUN server at ``first`` and ``second``, and the ports of those who asked."""

    def __init__(self, first: Address, second: Address, loss: float, delay: float, seed: int) -> None:
        self.host, self.loss, self.delay, self.seed = first[0], loss, delay, seed
        self.ports: dict[Address, MappedPort] = {}  # by client, for as long as the relay runs
        self._servers = [self._server(first, second), self._server(second, first)]

    def close(self) -> None:
        """End everything."""
        for udp in (*self._servers, *(port.udp for port in self.ports.values())):
            udp.close()

    def _server(self, listen: Address, other: Address) -> UdpSocket:
        sock = udp_socket()
        sock.bind(listen)

        def received(pieces: list[Piece]) -> None:
            for data, size, source in pieces:
                for at in range(0, len(data), size):
                    request = data[at : at + size]
                    if len(request) >= _HEADER and request[:2] == _REQUEST:
                        udp.send([stun_answer(request, self._port_of(source).address, other)], source)

        udp = UdpSocket(sock, received, lambda exc: None)
        return udp

    def _port_of(self, client: Address) -> MappedPort:
        if client not in self.ports:
            self.ports[client] = MappedPort(client, self, len(self.ports))
        return self.ports[client]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench.hole", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("first", type=parse_address, help="HOST:PORT of the STUN server")
    parser.add_argument("second", type=parse_address, help="HOST:PORT it names as its other address")
    add_settings(parser, 0.02)
    options = parser.parse_args()
    first, second = ((socket.gethostbyname(host), port) for host, port in (options.first, options.second))
    asyncio.run(run(lambda: Relay(first, second, options.loss, options.delay, options.seed)))


if __name__ == "__main__":
    main()

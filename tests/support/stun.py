"""A small STUN server on 127.0.0.1 that can be told to answer badly."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

COOKIE = bytes.fromhex("2112a442")
MAPPED, ERROR, XOR_MAPPED, OTHER = 0x0001, 0x0009, 0x0020, 0x802C


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)


def address(host: str, port: int, mask: bytes = bytes(16)) -> bytes:
    """The value of an address attribute; ``mask``: cookie and transaction for an XORed one."""
    ip = ipaddress.ip_address(host)
    plain = port.to_bytes(2, "big") + ip.packed
    mixed = bytes(a ^ b for a, b in zip(plain, mask[:2] + mask, strict=False))
    return bytes([0, 1 if ip.version == 4 else 2]) + mixed


def response(transaction: bytes, *attributes: bytes, kind: int = 0x0101) -> bytes:
    """A whole response."""
    body = b"".join(attributes)
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + COOKIE + transaction + body


class StunSocket(asyncio.DatagramProtocol):
    """One address of the server. It ignores the first ``ignored`` requests, says that requests come from
    ``seen_as(source)``, and names ``other``; ``answer``, if it is set, makes the whole answer to a request."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.ignored = 0
        self.seen_as: Callable[[tuple[str, int]], tuple[str, int]] = lambda source: source
        self.other: tuple[str, int] | None = None
        self.answer: Callable[[bytes], bytes] | None = None
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on."""
        host, port = self.transport.get_extra_info("sockname")
        return host, port

    @property
    def name(self) -> str:
        """The same as text."""
        return "{}:{}".format(*self.address)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.requests.append(data)
        if len(self.requests) <= self.ignored:
            return
        transaction = data[8:20]
        if self.answer is not None:
            self.transport.sendto(self.answer(transaction), addr)
            return
        found = [attribute(XOR_MAPPED, address(*self.seen_as(addr), COOKIE + transaction))]
        if self.other is not None:
            found.append(attribute(OTHER, address(*self.other)))
        self.transport.sendto(response(transaction, *found), addr)


@asynccontextmanager
async def stun_socket() -> AsyncIterator[StunSocket]:
    """A server with one address."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        StunSocket, local_addr=("127.0.0.1", 0)
    )
    try:
        yield protocol
    finally:
        transport.close()


@asynccontextmanager
async def stun_server() -> AsyncIterator[tuple[StunSocket, StunSocket]]:
    """A server with two addresses, which name each other."""
    async with stun_socket() as first, stun_socket() as second:
        first.other, second.other = second.address, first.address
        yield first, second

"""Datagrams from thousands of addresses that are not the sender's, for UDP ports of KCP and QUIC.

Every address of 127.0.0.0/8 is the machine's own, so a datagram may leave under any of them.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiofrp.stream.quic.core.connection import QuicCore
from aiofrp.stream.quic.core.library import client_configuration
from aiofrp.stream.quic.core.limits import QuicIdentity, QuicLimits
from aiofrp.wire.kcp.core import KcpCore
from aiofrp.wire.kcp.fec import FecEncoder

#: Makes one datagram.
Make = Callable[[random.Random], bytes]

#: Of in_pktinfo(7): interface, the address to send under, and one that means nothing here.
_PKTINFO = struct.Struct("=I4s4s")
_IP_PKTINFO = 8
#: Sockets the datagrams leave by, so that ports differ too.
_SOCKETS = 16
#: Seconds between bursts.
_TICK = 0.005
#: Different valid datagrams; making one costs far more than sending it.
_MADE = 256
_SHORTEST, _LONGEST, _INITIAL = 1, 1400, 1200


def garbage(rng: random.Random) -> bytes:
    """Anything."""
    return rng.randbytes(rng.randint(_SHORTEST, _LONGEST))


def kcp_segment(rng: random.Random) -> bytes:
    """A segment of a conversation nobody began."""
    sn = rng.randrange(1, 1 << 32)
    return struct.pack(
        "<IBBHIIII", rng.getrandbits(32), rng.randint(81, 86), 0, 1024, 0, sn, sn + 1 & 0xFFFFFFFF, 0
    )


def kcp_opening() -> Make:
    """First datagrams of real clients, frp's TLS hello in them."""
    hello = b"\x17" + _client_hello()

    def first() -> bytes:
        core = KcpCore(secrets.randbits(32), 0)
        core.send(hello)
        return FecEncoder().encode(core.data_to_send(0), 0)[0]

    return _one_of([first() for _ in range(_MADE)])


def quic_noise(rng: random.Random) -> bytes:
    """What has the form of a client's first packet and holds nothing that can be read."""
    head = b"\xc0\0\0\0\x01\x08" + rng.randbytes(8) + b"\x08" + rng.randbytes(8) + b"\0"
    return head + rng.randbytes(_INITIAL - len(head))


def quic_short(rng: random.Random) -> bytes:
    """A packet of a connection nobody has."""
    return b"\x40" + rng.randbytes(rng.randint(20, _INITIAL))


def quic_opening() -> Make:
    """First datagrams of real clients."""
    return _one_of([hello[0] for hello in quic_hellos(_MADE)])


def quic_hellos(count: int) -> list[list[bytes]]:
    """What real clients send before the first answer: a hello takes more than one datagram."""
    limits = QuicLimits()
    configuration = client_configuration(QuicIdentity(), limits, "")
    handler: Any = None  # told of nothing before the first answer

    def hello() -> list[bytes]:
        core = QuicCore(configuration, handler, limits)
        core.connect(("127.0.0.1", 1), 0.0)
        return [datagram for _, datagrams in core.to_send(0.0) for datagram in datagrams]

    return [hello() for _ in range(count)]


def _one_of(made: list[bytes]) -> Make:
    return lambda rng: rng.choice(made)


def _client_hello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


async def flood(port: int, kinds: list[Make], *, count: int, per_second: int, repeat: float = 0.2) -> int:
    """Send ``count`` datagrams to 127.0.0.1:``port``, each kind in turn, each from an address of its own; a share of
    ``repeat`` is sent again from the same. Returns how many were sent."""
    clock = asyncio.get_running_loop().time
    rng = random.Random(port)
    sockets = [_wildcard() for _ in range(_SOCKETS)]
    began, sent = clock(), 0
    try:
        while sent < count:
            due = min(count, int((clock() - began + _TICK) * per_second))
            while sent < due:
                sent += _send(rng, sockets, port, kinds[sent % len(kinds)](rng), 1 + (rng.random() < repeat))
            await asyncio.sleep(_TICK)
    finally:
        for sock in sockets:
            sock.close()
    return sent


def _send(rng: random.Random, sockets: list[socket.socket], port: int, datagram: bytes, times: int) -> int:
    source = bytes((127, rng.randint(1, 254), rng.randrange(256), rng.randint(1, 254)))
    control = [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(0, source, bytes(4)))]
    sock = rng.choice(sockets)
    for _ in range(times):
        try:
            sock.sendmsg([datagram], control, 0, ("127.0.0.1", port))
        except BlockingIOError:
            break
    return times


def _wildcard() -> socket.socket:
    """A socket that takes the answers as well, whichever address they are for, and lets them lie."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("0.0.0.0", 0))
    return sock


KINDS: dict[str, Callable[[], list[Make]]] = {
    "kcp": lambda: [garbage, kcp_segment, kcp_opening(), kcp_opening()],
    "quic": lambda: [garbage, quic_short, quic_noise, quic_opening()],
}

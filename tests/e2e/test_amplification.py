"""What frps sends to addresses that sent it one datagram and never answer: at most three times the bytes, on every
port that answers datagrams, while real clients log in as fast as before.

Whoever spoofs an address makes frps send to somebody else. Here each such address is a socket of its own that says
something and reads nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from aiofrp.config.models.client import ClientConfig
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import Login, NewWorkConn
from aiofrp.wire.kcp.segment import ACK, FIN, PUSH, WASK
from tests.e2e.test_floods import client_toml, pinging
from tests.support import flood
from tests.support.certs import authority
from tests.support.ownclock import own_time
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
from tests.wire.kcplink import segment

#: Bytes sent for each that came, at most (RFC 9000 §8.1).
FACTOR = 3
#: Seconds everything is watched: retransmissions come after 0.2, 0.6 and 1.4 s (KCP), 0.3, 0.9 and 2.1 s (QUIC).
WATCHED = 2.5
#: Certificates of the chain frps shows, about 400 bytes each.
CHAIN = 14
#: Addresses per kind of attack: enough that QUIC asks for tokens as well.
VICTIMS = 40

Attack = Callable[[random.Random], Iterator[bytes]]
protocols = pytest.mark.parametrize("protocol", ["kcp", "quic"])


@cache
def kcp_openings() -> flood.Make:
    """First datagrams of real clients, each another."""
    return flood.kcp_opening()


@cache
def quic_openings() -> list[list[bytes]]:
    """What real clients send before the first answer, each another."""
    return flood.quic_hellos(2 * VICTIMS)


@dataclass(slots=True)
class Victim:
    """Somebody whose address is written on datagrams."""

    sock: socket.socket
    attack: Iterator[bytes]
    came: int = 0  #: bytes frps got in its name
    got: int = 0  #: bytes frps sent it

    def act(self) -> None:
        """One more datagram in its name."""
        datagram = next(self.attack, None)
        if datagram is not None:
            self.came += self.sock.send(datagram)

    def read(self) -> None:
        try:
            while True:
                self.got += len(self.sock.recv(2048))
        except OSError:
            return


def kcp_hello(dice: random.Random) -> Iterator[bytes]:
    """A TLS hello, once: the chain is the answer."""
    yield kcp_openings()(dice)


def kcp_questions(dice: random.Random) -> Iterator[bytes]:
    """A TLS hello, then again and again what KCP answers."""
    opening = kcp_openings()(dice)
    (conv,) = struct.unpack_from("<I", opening, 8)
    yield opening
    while True:
        command = dice.choice((WASK, FIN, PUSH, ACK))
        sn, stamp = dice.randrange(5), dice.getrandbits(32)
        yield segment(command, conv=conv, sn=sn, una=dice.randrange(2), stamp=stamp) * dice.randint(1, 3)
        yield opening


def kcp_login(dice: random.Random) -> Iterator[bytes]:
    """A login without TLS and without token, and a work connection nobody asked for: each is refused in words."""
    for message in (Login(run_id="x"), NewWorkConn(run_id="x" * 32)):
        conv = dice.getrandbits(32)
        yield segment(PUSH, conv=conv, data=V1.encode(message))
        for _ in range(3):
            yield segment(WASK, conv=conv)


def quic_hello(dice: random.Random) -> Iterator[bytes]:
    """A hello, all of it: the chain is the answer."""
    yield from dice.choice(quic_openings())


def quic_repeats(dice: random.Random) -> Iterator[bytes]:
    """A hello, again and again, and packets that cannot be read."""
    opening = dice.choice(quic_openings())
    while True:
        yield from opening
        yield opening[0][:40] + dice.randbytes(dice.randrange(30, 1200))
        yield flood.quic_short(dice)


def quic_versions(dice: random.Random) -> Iterator[bytes]:
    """A version nobody has, with the longest ids, which come back."""
    while True:
        ids = b"\x14" + dice.randbytes(20)
        yield (b"\xc0\x6b\x33\x43\xcf" + ids + ids).ljust(1200, b"\0")


ATTACKS: dict[str, list[Attack]] = {
    "kcp": [kcp_hello, kcp_questions, kcp_login],
    "quic": [quic_hello, quic_repeats, quic_versions],
}


@contextmanager
def victims(port: int, attack: Attack, number: int) -> Iterator[list[Victim]]:
    """Addresses of the loopback network that each attack for themselves."""
    dice = random.Random(number)
    made: list[Victim] = []
    try:
        for index in range(VICTIMS):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind((f"127.{2 + number}.{os.getpid() % 250}.{1 + index}", 0))
            sock.connect(("127.0.0.1", port))
            made.append(Victim(sock, attack(random.Random(dice.random()))))
        yield made
    finally:
        for victim in made:
            victim.sock.close()


async def watch(attacked: list[Victim]) -> None:
    """Attack and count, until all retransmissions that matter had their time."""
    end = time.monotonic() + WATCHED
    turns = 0
    while time.monotonic() < end:
        for victim in attacked:
            if turns % 10 == 0:
                victim.act()
            victim.read()
            assert victim.got <= FACTOR * victim.came, f"{victim.got} bytes for {victim.came}"
        turns += 1
        await asyncio.sleep(0.01)


def server_toml(protocol: str, bind: int, folder: Path) -> str:
    """frps with a chain that a whole hello does not pay for."""
    made = authority()
    (folder / "chain.pem").write_bytes(made.certificate + made.ca * CHAIN)
    (folder / "key.pem").write_bytes(made.key)
    return (
        f'{protocol}BindPort = {bind}\nauth.token = "secret"\n'
        f'transport.tls.certFile = "{folder}/chain.pem"\ntransport.tls.keyFile = "{folder}/key.pem"\n'
    )


@protocols
@pytest.mark.parametrize("kind", range(3))
async def test_three_times_what_came_and_no_more(
    protocol: str, kind: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bind, remote, late = free_port(), free_port(), free_port()
    attack = ATTACKS[protocol][kind]
    kcp_openings(), quic_openings()
    async with (
        local_service(echo) as local,
        running_server(server_config(server_toml(protocol, bind, tmp_path))),
        running_client(client(protocol, bind, local, remote, "echo")),
    ):
        assert await exchange(remote, b"hello") == b"hello"
        with victims(bind, attack, kind) as attacked:
            async with pinging(remote, own_time) as took:
                await asyncio.gather(
                    watch(attacked), login(client(protocol, bind, local, late, "late"), late)
                )
    came, got = sum(victim.came for victim in attacked), sum(victim.got for victim in attacked)
    took.sort()
    print(
        f"{attack.__name__}: {got} bytes for {came}; pings {took[len(took) // 2]:.4f} s, {took[-1]:.3f} at most"
    )
    assert got, "nothing was answered: the attack is none"
    assert took[len(took) // 2] < 0.1
    assert "Traceback" not in caplog.text


def client(protocol: str, bind: int, local: int, remote: int, name: str) -> ClientConfig:
    return client_config(bind, 'auth.token = "secret"\n' + client_toml(protocol, local, remote, name))


async def login(config: ClientConfig, remote: int) -> None:
    """A client that comes meanwhile gets in and serves its users."""
    await asyncio.sleep(WATCHED / 4)
    began = own_time()
    async with running_client(config):
        assert await exchange(remote, b"hello") == b"hello"
        assert own_time() - began < 5

"""Clients that break the rules of SSH: each is ended at a small cost, and others notice nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import asyncssh
import pytest

from aiofrp.server.service import Server
from aiofrp.server.ssh import gateway as gateway_module
from aiofrp.server.ssh import limits
from aiofrp.server.ssh.protocol import connection as protocol
from aiofrp.server.ssh.protocol.fields import (
    CHANNEL_DATA,
    CHANNEL_OPEN,
    CHANNEL_REQUEST,
    GLOBAL_REQUEST,
    string,
    uint32,
)
from aiofrp.server.ssh.service import Gateway
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.sshclient import TOKEN, Ssh, ssh
from tests.support.tunnel import PATIENCE, echo, exchange, local_service

VERSION = b"SSH-2.0-test\r\n"


@pytest.fixture
async def neighbour(server: Server, port: int) -> AsyncIterator[int]:
    """The remote port of another client's tunnel, which must work before and after."""
    remote = free_port()
    async with local_service(echo) as target, ssh(port) as client:
        await client.publish(f"tcp --token {TOKEN} -r {remote}", target)
        yield remote
        assert await exchange(remote, b"unharmed") == b"unharmed"


def gateway_of(server: Server) -> Gateway:
    assert server._ssh is not None
    return server._ssh


async def sent_until_closed(port: int, data: bytes, repeat: int = 1) -> tuple[bytes, int]:
    """Send ``data`` so often until the server closes; all that it sent, and how many bytes it took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    try:
        async with asyncio.timeout(PATIENCE):
            for _ in range(repeat):
                writer.write(data)
                sent += len(data)
                await writer.drain()
            return await reader.read(), sent
    except ConnectionError:
        return b"", sent
    finally:
        writer.close()


def plain_packet(message: bytes) -> bytes:
    """A packet without encryption."""
    padding = -(5 + len(message)) % 8 + 8
    return uint32(1 + len(message) + padding) + bytes((padding,)) + message + bytes(padding)


KEXINIT = (
    b"\x14"
    + bytes(16)
    + b"".join(
        string(names)
        for names in (
            "curve25519-sha256",
            "ssh-ed25519",
            *["aes128-gcm@openssh.com"] * 2,
            *["hmac-sha2-256"] * 2,
            *["none"] * 2,
            "",
            "",
        )
    )
    + bytes(5)
)


NONSENSE = [
    (b"SSH-2.0-" + b"x" * 65536, 160),  # a version of 10 MB
    (b"SSH-2.0-" + b"x" * 300 + b"\r\n", 1),
    (b"SSH-2.0-\xff\xfe\r\n", 1),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1),
    (b"SSH-1.5-old\r\n", 1),
    (b"\0" * 9000, 1),
    (VERSION + uint32(0xFFFFFFFF) + b"\0" * 64, 1),
    (VERSION + uint32(0) + b"\0" * 64, 1),
    (VERSION + uint32(12) + b"\xff" + b"\x14" * 64, 1),
    (VERSION + plain_packet(b"\x14short"), 1),
    (VERSION + plain_packet(b"\x14" + bytes(16) + uint32(0xFFFFFFFF)), 1),
    (VERSION + plain_packet(b"\x5a" + string("session")), 1),
    (VERSION + plain_packet(b"\x32" + string("v0")), 1),
    (VERSION + plain_packet(b"\x1e" + bytes(36)), 1),
    (VERSION + plain_packet(KEXINIT) + plain_packet(b"\x1e" + string(bytes(32))), 1),
    (VERSION + plain_packet(KEXINIT) * 3, 1),
    (VERSION + plain_packet(b"\x02" + string("")) * 1000, 100),
    (VERSION + plain_packet(b"") * 10, 1),
]


async def test_nonsense_is_ended(server: Server, port: int, neighbour: int) -> None:
    for data, repeat in NONSENSE:
        answer, sent = await sent_until_closed(port, data, repeat)
        assert len(answer) < 4096, data[:40]
        assert sent <= 10 * 1024 * 1024
        await until(lambda: len(gateway_of(server)._pending) == 0)


async def test_packets_before_a_login_have_a_limit(
    server: Server, port: int, neighbour: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "MAX_FIRST_PACKETS", 20)
    flood = VERSION + plain_packet(KEXINIT) + plain_packet(b"\x02" + string("")) * 30
    answer, _ = await sent_until_closed(port, flood)
    assert b"too many packets before a login" in answer


async def test_strict_key_exchange_is_kept(server: Server, port: int, neighbour: int) -> None:
    """Nothing may be slipped in before the first keys (CVE-2023-48795)."""
    strict = KEXINIT.replace(
        string("curve25519-sha256"), string("curve25519-sha256,kex-strict-c-v00@openssh.com"), 1
    )
    ignored = plain_packet(b"\x02" + string(""))
    for data in (plain_packet(strict) + ignored, ignored + plain_packet(strict)):
        answer, _ = await sent_until_closed(port, VERSION + data)
        assert b"kex-strict-s-v00@openssh.com" in answer
        assert b"Strict key exchange violation" in answer


async def test_half_open_connections_give_way(
    server: Server, port: int, neighbour: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_WAITING", 40)
    monkeypatch.setattr(limits, "MAX_OF_SOURCE", 20)
    async with AsyncExitStack() as stack:
        readers = []
        for index in range(120):
            local = (f"127.0.0.{2 + index % 3}", 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=local)
            stack.callback(writer.close)
            if index % 2:
                writer.write(VERSION)
            readers.append(reader)
        pending = gateway_of(server)._pending
        assert len(pending) <= 40
        async with asyncio.timeout(PATIENCE):
            for reader in readers[:60]:  # the oldest were ended
                await reader.read()
        async with ssh(port) as client:  # and a new client has its place
            assert (await client.answer("tcp --help"))[1] == 0
    await until(lambda: len(gateway_of(server)._pending) == 0)


async def flooded(client: Ssh, kind: int, *fields: bytes, count: int = 1000) -> None:
    """Send many messages past the library's own checks."""
    for index in range(count):
        client.connection.send_packet(kind, *fields)
        if index % 100 == 0:
            await asyncio.sleep(0)


async def test_floods_of_requests_are_answered_or_ended(server: Server, port: int, neighbour: int) -> None:
    cheap = ["aes128-gcm@openssh.com"]  # for the side that floods
    async with ssh(port, encryption_algs=cheap) as client:
        await flooded(client, GLOBAL_REQUEST, string("nonsense"), b"\0")
        await flooded(client, GLOBAL_REQUEST, string("tcpip-forward"), b"\0", string(""), uint32(80))
        await flooded(client, CHANNEL_OPEN, string("direct-tcpip"), uint32(1), uint32(1), uint32(1))
        assert await exchange(neighbour, b"x") == b"x"
        await until(lambda: client.owner.reason)  # the library did not ask for so many failures
    transports = gateway_of(server)._transports
    await until(lambda: len(transports) == 1)


async def test_a_client_has_few_sessions_and_forwards(server: Server, port: int, neighbour: int) -> None:
    async with ssh(port) as client:
        processes = [await client.run("sleep") for _ in range(1)]
        del processes
        refused = 0
        for index in range(protocol.MAX_FORWARDS + 3):
            try:
                await client.forward(1, port=1000 + index)
            except asyncssh.ChannelListenError:
                refused += 1
        assert refused >= 3


MALFORMED: list[tuple[int, tuple[bytes, ...]]] = [
    (CHANNEL_REQUEST, (uint32(0), string("exec"), b"\1")),
    (CHANNEL_REQUEST, (uint32(0), string("exec"), b"\1", uint32(99), b"x")),
    (CHANNEL_REQUEST, (uint32(0), string("exec"), b"\1", string(bytes(20_000)))),
    (CHANNEL_REQUEST, (uint32(0), uint32(0xFFFFFFFF))),
    (CHANNEL_REQUEST, (uint32(77), string("exec"), b"\1", string("tcp"))),
    (CHANNEL_DATA, (uint32(0), uint32(0xFFFFFF), b"x")),
    (CHANNEL_DATA, (uint32(5), string("x"))),
    (CHANNEL_DATA, ()),
    (CHANNEL_OPEN, ()),
    (GLOBAL_REQUEST, (string("tcpip-forward"),)),
    (60, ()),
    (20, (b"short",)),
]


async def test_malformed_messages_end_their_own_connection(server: Server, port: int, neighbour: int) -> None:
    for kind, fields in MALFORMED:
        async with ssh(port) as client:
            client.connection.send_packet(
                CHANNEL_OPEN, string("session"), uint32(0), uint32(1 << 20), uint32(1 << 15)
            )
            client.connection.send_packet(kind, *fields)
            await until(partial(getattr, client.owner, "reason"))
    await until(lambda: len(gateway_of(server)._transports) == 1)


async def test_exec_of_any_bytes_gets_an_answer(server: Server, port: int, neighbour: int) -> None:
    for text in (
        "\0",
        "tcp " + "--token x " * 1000,
        "tcp --remote_port " + "9" * 5000,
        "tcp \ud800".encode("utf-8", "replace").decode(),
    ):
        async with ssh(port) as client:
            await client.forward(1)
            shown, status = await client.answer(text)
            assert (bool(shown), status) == (True, 1)


CIPHERS = [
    ("aes128-gcm@openssh.com", None),
    ("aes256-gcm@openssh.com", None),
    ("chacha20-poly1305@openssh.com", None),
    ("aes128-ctr", "hmac-sha2-256"),
    ("aes256-ctr", "hmac-sha2-512-etm@openssh.com"),
]


@pytest.mark.parametrize(("cipher", "mac"), CIPHERS)
async def test_every_cipher_through_key_exchanges(
    server: Server, port: int, cipher: str, mac: str | None
) -> None:
    """Both sides begin new key exchanges while data flows in both directions."""
    remote = free_port()
    data = bytes(range(251)) * 6000
    options = {"encryption_algs": [cipher], "rekey_bytes": 400_000, **({"mac_algs": [mac]} if mac else {})}
    async with local_service(echo) as target, ssh(port, **options) as client:
        await client.publish(f"tcp --token {TOKEN} -r {remote}", target)
        (transport,) = gateway_of(server)._transports
        transport._rekey_bytes = 300_000
        results = await asyncio.gather(*(exchange(remote, data) for _ in range(2)))
        assert [len(result) for result in results] == [len(data)] * 2
        assert results == [data, data]
        assert transport._rekey_bytes_sent < 1_000_000


async def test_a_changed_packet_ends_the_connection(server: Server, port: int, neighbour: int) -> None:
    async with ssh(port) as client:
        client.connection._transport.write(bytes(200))  # type: ignore[union-attr]
        await until(lambda: client.owner.reason)

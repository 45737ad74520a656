"""The tcp proxy over QUIC: every mix of layers, ours alone and with reference programs on either side."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from aiofrp.errors import FrpError
from aiofrp.server.service import Server
from tests.support import peers, procs
from tests.support.certs import authority
from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

MIXES = list(itertools.product((True, False), repeat=2))
PAIRS: list[tuple[procs.Side, procs.Side]] = [("ours", "go"), ("go", "ours"), ("ours", "ours")]


#: Bytes both programs and the kernel may hold of a connection whose user does not read: windows and buffers.
MOST_HELD = 40 * 1024 * 1024


def layers(tls: bool, mux: bool) -> str:
    """What both sides must know, and what the client alone."""
    return f"transport.tcpMux = {str(mux).lower()}\n" + ("" if tls else "transport.tls.enable = false\n")


def proxy(local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "echo"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'


async def echoed(remote: int, data: bytes) -> bytes:
    """What comes back for ``data``; without a half-close, which the reference takes for a close."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", remote)
        writer.write(data)
        try:
            return await reader.readexactly(len(data))
        finally:
            writer.close()
            await writer.wait_closed()


async def carries(remote: int, *, size: int = 1_000_000, connections: int = 20) -> None:
    """One large exchange, then many short ones at once."""
    data = os.urandom(size)
    assert hashlib.sha256(await echoed(remote, data)).digest() == hashlib.sha256(data).digest()
    answers = await asyncio.gather(*(echoed(remote, b"%d" % i) for i in range(connections)))
    assert answers == [b"%d" % i for i in range(connections)]


@pytest.mark.parametrize(("tls", "mux"), MIXES)
async def test_every_mix_of_layers(tls: bool, mux: bool) -> None:
    remote, port = free_port(), free_port()
    server = server_config(f"quicBindPort = {port}\ntransport.tcpMux = {str(mux).lower()}\n")
    async with local_service(echo) as local, running_server(server):
        toml = 'transport.protocol = "quic"\n' + layers(tls, mux) + proxy(local, remote)
        async with running_client(client_config(port, toml)):
            await carries(remote)


async def test_the_port_may_have_the_number_of_the_tcp_port() -> None:
    remote, port = free_port(), free_port()
    server = server_config(f"quicBindPort = {port}\n", port=port)
    async with local_service(echo) as local, running_server(server):
        toml = 'transport.protocol = "quic"\n' + proxy(local, remote)
        async with running_client(client_config(port, toml)):
            assert await exchange(remote, b"hello") == b"hello"


async def test_a_port_that_is_taken_is_told_by_its_name() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        server = Server(server_config(f"quicBindPort = {port}\n"))
        with pytest.raises(FrpError) as caught:
            await server.start()
    assert caught.value.text == (
        f"listen on quic udp address 127.0.0.1:{port} error: "
        f"listen udp 127.0.0.1:{port}: bind: address already in use"
    )


async def test_a_client_whose_server_is_not_there_hears_so_at_once() -> None:
    toml = 'transport.protocol = "quic"\n'
    with pytest.raises(FrpError, match="connection refused"):
        async with running_client(client_config(free_port(), toml)):
            pass


async def test_a_server_that_began_anew_is_found_again() -> None:
    remote, port = free_port(), free_port()
    toml = 'transport.protocol = "quic"\n'
    config = server_config(f"quicBindPort = {port}\n")
    async with local_service(echo) as local:
        client = client_config(port, toml + proxy(local, remote))
        async with running_server(config):
            running = running_client(client)
            await running.__aenter__()
            assert await exchange(remote, b"before") == b"before"
        async with running_server(config):
            async with asyncio.timeout(20):
                while await attempt(remote) != b"after":
                    await asyncio.sleep(0.05)
            await running.__aexit__(None, None, None)


async def attempt(remote: int) -> bytes:
    try:
        return await exchange(remote, b"after")
    except OSError:
        return b""


@peers.needs_go
@pytest.mark.parametrize(("server_side", "client_side"), PAIRS, ids=lambda side: str(side))
@pytest.mark.parametrize(("tls", "mux"), MIXES)
async def test_programs(
    tmp_path: Path, server_side: procs.Side, client_side: procs.Side, tls: bool, mux: bool
) -> None:
    remote, port = free_port(), free_port()
    server = (
        f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nquicBindPort = {port}\n'
        f"transport.tcpMux = {str(mux).lower()}\n"
    )
    async with local_service(echo) as local, procs.frps(tmp_path, server, side=server_side) as frps:
        assert f"frps quic listen on 127.0.0.1:{port}" in frps.text
        client = (
            f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "quic"\n'
            + layers(tls, mux)
            + proxy(local, remote)
        )
        async with procs.frpc(tmp_path, client, side=client_side):
            await carries(remote)


@peers.needs_go
@pytest.mark.parametrize("client_side", ["ours", "go"])
async def test_a_client_that_ends_takes_its_port_with_it(tmp_path: Path, client_side: procs.Side) -> None:
    """The client says so itself, for each proxy, before it goes."""
    remote, port = free_port(), free_port()
    server = f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nquicBindPort = {port}\n'
    async with local_service(echo) as local, procs.frps(tmp_path, server, side="go"):
        client = f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "quic"\n'
        for _ in range(2):
            async with procs.frpc(tmp_path, client + proxy(local, remote), side=client_side) as frpc:
                assert await echoed(remote, b"hello") == b"hello"
                assert await frpc.stop() == 0


@peers.needs_go
@pytest.mark.parametrize(("server_side", "client_side"), PAIRS, ids=lambda side: str(side))
async def test_more_users_than_streams_wait_for_each_other(
    tmp_path: Path, server_side: procs.Side, client_side: procs.Side
) -> None:
    """Of six streams one is for control and one for the pool; each user's ends with him."""
    remote, port = free_port(), free_port()
    server = (
        f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nquicBindPort = {port}\n'
        "transport.quic.maxIncomingStreams = 6\n"
    )
    async with local_service(echo) as local, procs.frps(tmp_path, server, side=server_side):
        client = f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "quic"\n'
        async with procs.frpc(tmp_path, client + proxy(local, remote), side=client_side):
            answers = await asyncio.gather(*(echoed(remote, b"%d" % i) for i in range(20)))
            assert answers == [b"%d" % i for i in range(20)]


@peers.needs_go
@pytest.mark.parametrize(("server_side", "client_side"), PAIRS, ids=lambda side: str(side))
async def test_a_user_who_does_not_read_stops_the_service(
    tmp_path: Path, server_side: procs.Side, client_side: procs.Side
) -> None:
    """What is on its way is bounded, another user goes on, and nothing is lost."""
    remote, port = free_port(), free_port()
    sent, enough = 0, asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        if await reader.readexactly(1) == b"?":
            writer.write(b"!")
            await writer.drain()
            return
        while not enough.is_set():
            writer.write(bytes(64 * 1024))
            sent += 64 * 1024
            await writer.drain()

    server = f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nquicBindPort = {port}\n'
    async with local_service(pour) as local, procs.frps(tmp_path, server, side=server_side):
        client = f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "quic"\n'
        async with procs.frpc(tmp_path, client + proxy(local, remote), side=client_side):
            reader, writer = await asyncio.open_connection("127.0.0.1", remote, limit=1024)
            writer.write(b".")
            await reader.readexactly(1)
            before = 0
            while sent > before:  # for half a second
                before = sent
                assert sent < MOST_HELD
                await asyncio.sleep(0.5)
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", remote)
            other_writer.write(b"?")
            async with asyncio.timeout(PATIENCE):
                assert await other_reader.read() == b"!"
                enough.set()
                got = 1
                while data := await reader.read(1 << 20):
                    got += len(data)
            assert got == sent
            for each in (writer, other_writer):
                each.close()
                await each.wait_closed()


@peers.needs_go
@pytest.mark.parametrize(("server_side", "client_side"), PAIRS, ids=lambda side: str(side))
async def test_a_service_that_does_not_read_stops_the_user(
    tmp_path: Path, server_side: procs.Side, client_side: procs.Side
) -> None:
    """The same the other way."""
    remote, port = free_port(), free_port()
    enough = asyncio.Event()

    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(1) == b"?":
            writer.write(b"!")
            return
        await enough.wait()
        got = 0
        while (data := await reader.read(1 << 20))[-1:] != b"$":
            got += len(data)
        writer.write(b"%d" % (got + len(data) - 1))

    server = f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nquicBindPort = {port}\n'
    async with local_service(sink) as local, procs.frps(tmp_path, server, side=server_side):
        client = f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "quic"\n'
        async with (
            procs.frpc(tmp_path, client + proxy(local, remote), side=client_side),
            asyncio.timeout(PATIENCE),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", remote)
            writer.write(b".")
            sent = 0
            with suppress(TimeoutError):
                while True:
                    writer.write(bytes(64 * 1024))
                    sent += 64 * 1024
                    async with asyncio.timeout(0.5):
                        await writer.drain()
                    assert sent < MOST_HELD
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", remote)
            other_writer.write(b"?")
            assert await other_reader.read(1) == b"!"
            enough.set()
            writer.write(b"$")
            assert await reader.read(20) == b"%d" % sent
            for each in (writer, other_writer):
                each.close()
                await each.wait_closed()


# Certificates


def signed(folder: Path, who: str, authority_name: str = "tests") -> str:
    """Settings that show a certificate of an authority."""
    made = authority(authority_name)
    (folder / f"{who}.crt").write_bytes(made.certificate)
    (folder / f"{who}.key").write_bytes(made.key)
    return f'transport.tls.certFile = "{folder / who}.crt"\ntransport.tls.keyFile = "{folder / who}.key"\n'


def trusting(folder: Path, authority_name: str = "tests") -> str:
    """Settings that demand a certificate of an authority."""
    path = folder / f"{authority_name}-ca.crt"
    path.write_bytes(authority(authority_name).ca)
    return f'transport.tls.trustedCaFile = "{path}"\n'


@peers.needs_go
@pytest.mark.parametrize(("server_side", "client_side"), PAIRS, ids=lambda side: str(side))
async def test_both_sides_show_certificates(
    tmp_path: Path, server_side: procs.Side, client_side: procs.Side
) -> None:
    remote, port = free_port(), free_port()
    server = f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nquicBindPort = {port}\n'
    server += signed(tmp_path, "server") + trusting(tmp_path)
    async with local_service(echo) as local, procs.frps(tmp_path, server, side=server_side):
        client = f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "quic"\n'
        client += signed(tmp_path, "client") + trusting(tmp_path) + proxy(local, remote)
        async with procs.frpc(tmp_path, client, side=client_side):
            assert await echoed(remote, b"hello") == b"hello"


REFUSALS = {
    "no certificate": ("", "demands a client certificate|provide a certificate"),
    "another authority's": (
        "other",
        "not trust our certificate's issuer|not signed by a CA of transport.tls.trustedCaFile",
    ),
}


@peers.needs_go
@pytest.mark.parametrize("shown", REFUSALS)
@pytest.mark.parametrize(("server_side", "client_side"), PAIRS, ids=lambda side: str(side))
async def test_a_server_that_demands_certificates(
    tmp_path: Path, server_side: procs.Side, client_side: procs.Side, shown: str
) -> None:
    name, reason = REFUSALS[shown]
    port = free_port()
    server = f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nquicBindPort = {port}\n'
    server += signed(tmp_path, "server") + trusting(tmp_path)
    client = f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "quic"\n'
    client += signed(tmp_path, "client", name) if name else ""
    async with procs.frps(tmp_path, server, side=server_side):
        (tmp_path / "c.toml").write_text(client, encoding="utf-8")
        command = [*procs.command("frpc", client_side), "-c", str(tmp_path / "c.toml")]
        async with procs.running(command, tmp_path / "c.log") as frpc:
            assert await frpc.ended() == 1
            assert re.search(reason, frpc.text), frpc.text


async def test_a_client_that_trusts_another_authority(tmp_path: Path) -> None:
    port = free_port()
    server = server_config(f"quicBindPort = {port}\n" + signed(tmp_path, "server"))
    async with running_server(server):
        toml = 'transport.protocol = "quic"\n' + trusting(tmp_path, "other")
        with pytest.raises(FrpError, match=r"not signed by a CA of transport\.tls\.trustedCaFile"):
            async with running_client(client_config(port, toml)):
                pass


async def test_a_client_that_expects_another_name(tmp_path: Path) -> None:
    port = free_port()
    server = server_config(f"quicBindPort = {port}\n" + signed(tmp_path, "server"))
    async with running_server(server):
        toml = 'transport.protocol = "quic"\ntransport.tls.serverName = "other.test"\n' + trusting(tmp_path)
        with pytest.raises(FrpError, match=r"not for other\.test"):
            async with running_client(client_config(port, toml)):
                pass


async def test_tls_that_is_off_shows_and_demands_nothing(tmp_path: Path) -> None:
    """QUIC is never without TLS (docs/protocol/wire.md §5)."""
    remote, port = free_port(), free_port()
    async with local_service(echo) as local, running_server(server_config(f"quicBindPort = {port}\n")):
        toml = 'transport.protocol = "quic"\ntransport.tls.enable = false\n' + trusting(tmp_path, "other")
        async with running_client(client_config(port, toml + proxy(local, remote))):
            assert await echoed(remote, b"hello") == b"hello"

"""Dialling and listening, and what the kernel holds for users and services."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from aiofrp.stream.tcp import TcpStream
from aiofrp.transport import files
from aiofrp.transport.net import MOST_AHEAD, dial, dial_here, listen, read_port
from tests.support.ends import End, until


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no such limit")
@pytest.mark.parametrize("ours", [True, False])
async def test_the_kernel_takes_little_ahead_for_users_and_services(ours: bool) -> None:
    """Those of carriers are as the system makes them."""
    streams: list[TcpStream] = []
    listener = await listen("127.0.0.1", 0, streams.append, for_users=ours)
    streams.append(await dial(*listener.address, timeout=10, for_user=ours))
    await until(lambda: len(streams) == 2)
    for stream in streams:
        sock = stream.info("socket")
        limit = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
        assert (limit == MOST_AHEAD) is ours
        stream.abort()
    listener.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only there the kernel connects both ends at once")
@pytest.mark.both_loops
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_program_on_this_machine_is_reached_without_a_task(host: str) -> None:
    streams: list[TcpStream] = []
    failed: list[Exception] = []
    listener = await listen(host, 0, streams.append)
    tasks = asyncio.all_tasks()
    ours: list[TcpStream] = []
    assert dial_here(host, listener.port, ours.append, failed.append)
    assert asyncio.all_tasks() == tasks
    assert not ours, "not within the call"
    await until(lambda: len(ours) == len(streams) == 1)
    limit = ours[0].info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
    assert limit == MOST_AHEAD
    ends = [End(stream).attach() for stream in (*ours, *streams)]
    ends[0].write(b"hello")
    await until(lambda: ends[1].data == b"hello")
    ends[0].close()
    ends[1].close()
    await until(lambda: ends[0].lost and ends[1].lost)
    assert not failed
    listener.close()


async def test_what_is_not_reached_at_once_is_left_to_a_dial() -> None:
    """Nothing is called then, and no socket stays open."""
    called: list[object] = []
    listener = await listen("127.0.0.1", 0, lambda stream: stream.abort())
    address = listener.address
    listener.close()
    await asyncio.sleep(0)
    for host, port in (address, ("localhost", 1), ("192.0.2.1", 1), ("127.0.0.1", -1), ("::1%lo", 1)):
        assert not dial_here(host, port, called.append, called.append)
    assert not called


@pytest.mark.skipif(sys.platform != "linux", reason="only there the kernel connects both ends at once")
async def test_the_last_files_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = await listen("127.0.0.1", 0, lambda stream: stream.abort())
    monkeypatch.setattr(files.watch, "_unchecked", 0)
    monkeypatch.setattr(files, "file_limit", lambda: 3)
    assert not dial_here(*listener.address, lambda _: None, lambda _: None)
    listener.close()


@pytest.mark.both_loops
@pytest.mark.parametrize("seconds", [45, -1])
async def test_accepted_connections_are_kept_alive_as_their_listener_says(seconds: float) -> None:
    streams: list[TcpStream] = []
    listener = await listen("127.0.0.1", 0, streams.append, keepalive=seconds)
    ours = await dial(*listener.address, timeout=10)
    await until(lambda: streams)
    sock = streams[0].info("socket")
    assert bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) is (seconds > 0)
    if seconds > 0 and hasattr(socket, "TCP_KEEPIDLE"):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == seconds
    for stream in (ours, *streams):
        stream.abort()
    listener.close()


@pytest.mark.parametrize(
    ("text", "port"),
    [("1", 1), ("65535", 65535), ("0", 0), ("65536", 0), ("", 0), ("-1", 0), ("1 ", 0), ("\u0663", 0)],
)
def test_ports_are_read(text: str, port: int) -> None:
    assert read_port(text) == port
    assert read_port(text + "9" * 5000) == 0

"""Sockets as streams, against plain sockets."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from aiofrp import faults
from aiofrp.errors import Closed
from aiofrp.stream import tcp
from aiofrp.stream.base import Buffer, Pause
from aiofrp.stream.layer import MOST_HELD
from aiofrp.stream.tcp import TcpListener, TcpStream, set_keepalive
from tests.support.ends import End, settle, until

pytestmark = pytest.mark.both_loops


class Port:
    """A listening socket whose streams are collected, and plain sockets connected to it."""

    def __init__(self) -> None:
        self.streams: list[TcpStream] = []
        self.sockets: list[socket.socket] = []
        self.on_stream: Callable[[TcpStream], None] = self.streams.append
        self.listener: TcpListener

    async def connect(self, send: bytes = b"") -> socket.socket:
        """A connected plain socket that has sent ``send`` before its stream is made."""
        sock = socket.create_connection(self.listener.address)
        sock.sendall(send)
        sock.setblocking(False)
        self.sockets.append(sock)
        count = len(self.sockets)
        await until(lambda: len(self.streams) == count)
        return sock

    async def pair(self) -> tuple[End, socket.socket]:
        sock = await self.connect()
        return End(self.streams[-1]).attach(), sock


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    made = Port()
    server = await asyncio.get_running_loop().create_server(
        lambda: TcpStream(lambda stream: made.on_stream(stream)), "127.0.0.1", 0
    )
    made.listener = TcpListener(server)
    yield made
    made.listener.close()
    for stream in made.streams:
        stream.abort()
    for sock in made.sockets:
        sock.close()


async def receive(sock: socket.socket) -> bytes:
    return await asyncio.get_running_loop().sock_recv(sock, 65_536)


async def drained(sock: socket.socket) -> int:
    """How many bytes come until the end."""
    count = 0
    while chunk := await receive(sock):
        count += len(chunk)
    return count


async def test_a_listener_knows_its_address(port: Port) -> None:
    host, number = port.listener.address
    assert host == "127.0.0.1"
    assert number == port.listener.port > 0


async def test_a_write_costs_no_call_of_its_own(port: Port) -> None:
    """``write`` is the transport's."""
    await port.pair()
    stream = port.streams[0]
    assert stream.write.__name__ == "write"
    assert not isinstance(getattr(stream.write, "__self__", None), TcpStream)


async def test_reading_goes_on_while_little_waits_for_a_receiver(port: Port) -> None:
    """Stopping costs system calls, so little is held without; and no more than the limit and what is read at once."""
    sock = await port.connect(b"little")
    stream = port.streams[0]
    transport = stream._transport
    await until(lambda: stream._held)
    assert transport.is_reading()
    await asyncio.get_running_loop().sock_sendall(sock, bytes(MOST_HELD))
    await until(lambda: not transport.is_reading())
    end = End(stream).attach()
    await until(lambda: len(end.data) == 6 + MOST_HELD)
    await until(transport.is_reading)
    end.check()


async def test_bytes_that_came_with_the_connection_wait(port: Port) -> None:
    """Even where the loop delivers although reading was paused when the connection was made."""

    def paused(stream: TcpStream) -> None:
        stream.pause_reading(Pause.WAIT)
        port.streams.append(stream)

    port.on_stream = paused
    sock = await port.connect(b"early")
    end = End(port.streams[0]).attach()
    await settle(lambda: len(end.data))
    assert not end.data
    sock.sendall(b" bird")
    end.resume(Pause.WAIT)
    await until(lambda: len(end.data) == 10)
    assert end.data == b"early bird"
    end.check()


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_connection_may_be_refused_as_it_is_made(port: Port, how: str) -> None:
    def refuse(stream: TcpStream) -> None:
        getattr(stream, how)()
        port.streams.append(stream)

    port.on_stream = refuse
    sock = await port.connect()
    if how == "close":
        assert await receive(sock) == b""
    else:
        with pytest.raises(ConnectionResetError):
            await receive(sock)
    end = End(port.streams[0]).attach()
    await until(lambda: end.lost)
    assert end.error is None


async def test_abort_is_a_reset_on_the_wire(port: Port) -> None:
    end, sock = await port.pair()
    end.abort()
    with pytest.raises(ConnectionResetError):
        await receive(sock)
    await until(lambda: end.lost)
    end.abort()
    end.check()


async def test_close_is_an_end_on_the_wire(port: Port) -> None:
    end, sock = await port.pair()
    end.write(b"bye")
    end.close()
    assert await receive(sock) == b"bye"
    assert await receive(sock) == b""
    await until(lambda: end.lost)
    end.check()


async def test_both_directions_ended_is_the_end(port: Port) -> None:
    end, sock = await port.pair()
    sock.shutdown(socket.SHUT_WR)
    await until(lambda: end.eofs)
    await settle(lambda: end.lost)
    assert not end.lost
    end.write(b"answer")
    end.write_eof()
    await until(lambda: end.lost)
    assert end.error is None
    assert await receive(sock) == b"answer"
    assert await receive(sock) == b""
    end.check()


async def test_a_reset_by_the_peer_says_so(port: Port) -> None:
    end, sock = await port.pair()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    await until(lambda: end.lost)
    assert isinstance(end.error, Closed)
    assert "reset by peer" in str(end.error)
    assert isinstance(end.error.__cause__, ConnectionResetError)
    end.write(b"dropped")
    end.check()


@pytest.mark.parametrize("paused", [False, True])
async def test_an_answer_before_a_reset_is_read_although_a_write_failed(port: Port, paused: bool) -> None:
    """A service that refuses an upload answers and closes: with bytes unread that is a reset."""
    end, sock = await port.pair()
    if paused:
        end.pause()
    end.write(b"unread")
    await until(lambda: select.select([sock], [], [], 0)[0])
    sock.sendall(b"answer")
    sock.close()
    end.write(b"more")
    if paused:
        await settle(lambda: end.losses)
        end.resume()
    await until(lambda: end.losses)
    assert end.data == b"answer"
    assert isinstance(end.error, Closed)


async def test_writing_to_a_peer_that_is_gone_raises_nothing(port: Port) -> None:
    end, sock = await port.pair()
    sock.close()
    for _ in range(50):
        end.write(bytes(10_000))
        await asyncio.sleep(0)
    await until(lambda: end.lost or end.eofs)
    end.write(b"x")
    end.write_eof()
    end.close()
    await until(lambda: end.lost)
    end.check()


async def test_a_close_that_makes_no_progress_is_given_up(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "CLOSE_STALL", 0.02)
    end, sock = await port.pair()
    while not end.writing_paused:
        end.write(bytes(65_536))
    end.close()
    await settle(lambda: end.lost)
    await until(lambda: end.lost)
    with pytest.raises(ConnectionResetError):
        await drained(sock)
    end.check()


async def test_a_close_behind_more_than_the_kernel_takes(port: Port) -> None:
    end, sock = await port.pair()
    sent = 0
    while not end.writing_paused:
        end.write(bytes(65_536))
        sent += 65_536
    end.close()
    assert await drained(sock) == sent
    await until(lambda: end.lost)
    assert end.error is None


async def test_facts_about_the_socket(port: Port) -> None:
    end, sock = await port.pair()
    stream = port.streams[0]
    assert stream.info("layers") == ("tcp",)
    assert stream.info("peername") == sock.getsockname()
    assert stream.info("sockname") == sock.getpeername()
    end.abort()
    await until(lambda: end.lost)
    assert stream.info("peername") == sock.getsockname()


async def test_keepalive_probes(port: Port) -> None:
    await port.pair()
    kernel = port.streams[0].info("socket")
    set_keepalive(port.streams[0], 45)
    assert kernel.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert kernel.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 45
    set_keepalive(port.streams[0], 1e9)
    assert kernel.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 32_767
    set_keepalive(port.streams[0], -1)
    assert not kernel.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_a_unix_socket_is_a_stream_as_well(tmp_path: Path) -> None:
    accepted: list[TcpStream] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: TcpStream(accepted.append), str(tmp_path / "socket"))
    _, stream = await loop.create_unix_connection(TcpStream, str(tmp_path / "socket"))
    await until(lambda: accepted)
    a, b = End(stream).attach(), End(accepted[0]).attach()
    set_keepalive(stream, 30)
    a.write(b"hello")
    await until(lambda: b.data == b"hello")
    b.abort()
    await until(lambda: a.eofs or a.lost)
    a.abort()
    await until(lambda: a.lost and b.lost)
    for end in (a, b):
        end.check()
    server.close()


async def test_addresses_are_known_after_the_end(port: Port) -> None:
    """Also of a peer that reset the connection; nothing asks a closed socket."""
    end, sock = await port.pair()
    stream, name = port.streams[0], sock.getsockname()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    await until(lambda: end.lost)
    assert stream.info("peername") == name
    assert stream.info("sockname") == port.listener.address
    assert stream.info("socket") is None
    set_keepalive(stream, 5)


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_stream_on_its_way_out_answers_questions(port: Port, how: str) -> None:
    end, sock = await port.pair()
    stream = port.streams[0]
    getattr(stream, how)()
    assert stream.info("peername") == sock.getsockname()
    stream.info("socket")
    set_keepalive(stream, 5)
    stream.abort()
    await until(lambda: end.lost)


async def test_peers_that_hang_up_before_they_are_accepted(
    port: Port, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[object] = []

    def ask(stream: TcpStream) -> None:
        port.streams.append(stream)
        asked.append(stream.info("peername"))
        stream.info("sockname")
        set_keepalive(stream, 5)

    port.on_stream = ask
    for _ in range(80):  # the listener's backlog is 100
        sock = socket.create_connection(port.listener.address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    last = socket.create_connection(port.listener.address)
    port.sockets.append(last)
    await until(lambda: last.getsockname() in asked)
    assert len(asked) > 40
    assert not caplog.records


async def test_an_accept_callback_that_raises_loses_its_connection_alone(
    port: Port, caplog: pytest.LogCaptureFixture
) -> None:
    faults._shared._kinds.clear()
    end, sock = await port.pair()

    def fail(stream: TcpStream) -> None:
        port.streams.append(stream)
        raise ValueError("in accept")

    port.on_stream = fail
    other = await port.connect()
    with pytest.raises(ConnectionResetError):
        await receive(other)
    (record,) = caplog.records
    assert "internal error: a receiver failed, its connection is reset: tcp" in record.getMessage()
    end.write(b"still here")
    assert await receive(sock) == b"still here"


async def test_a_receiver_that_raises_resets_the_connection_once_logged(
    port: Port, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where only the event loop stands between: the peer must not take it for an end."""
    faults._shared._kinds.clear()
    asyncio.get_running_loop().set_exception_handler(faults.handle_loop_error)
    end, sock = await port.pair()

    def fail(data: Buffer) -> None:
        raise ValueError("in data_received")

    end.on_data = fail
    end.write(b"answer")
    await until(lambda: select.select([sock], [], [], 0)[0])
    sock.sendall(b"x")
    await until(lambda: end.lost)
    assert await receive(sock) == b"answer"
    with pytest.raises(ConnectionResetError):
        await receive(sock)
    assert str(end.error) == "reset after an internal error, see the log"
    assert len(caplog.records) == 1
    end.check()

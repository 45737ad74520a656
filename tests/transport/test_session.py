"""Sessions without a shared carrier whose connections are dialled without tasks: what each dial ends with, in time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import socket
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from aiofrp.config.models.shared import QuicOptions
from aiofrp.errors import FrpError, TimedOut
from aiofrp.stream.base import Stream
from aiofrp.transport.base import DialOptions, Session
from aiofrp.transport.outbound import reach
from aiofrp.transport.session import Securer, SteppedSession, TooLate
from aiofrp.transport.tcp import TcpTransport
from aiofrp.transport.tls.contexts import client_context
from aiofrp.wire.addresses import join_host_port
from tests.support.ends import until


class _NoFiles:
    cert_file = key_file = trusted_ca_file = ""


def _options(port: int, *, host: str = "127.0.0.1", timeout: float = 20, tls: bool = False) -> DialOptions:
    context = client_context(_NoFiles()) if tls else None
    return DialOptions(
        host=host,
        port=port,
        timeout=timeout,
        keepalive=7200,
        local_ip="",
        proxy_url="",
        tls=None if context is None else lambda: context,
        tls_name="",
        tls_lead_byte=True,
        tls_files=None,
        mux=False,
        mux_keepalive=30,
        quic=QuicOptions(),
    )


class _Dials:
    """What the dials of a session ended with."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.streams: list[Stream] = []
        self.errors: list[FrpError] = []

    @classmethod
    async def stepped(cls, options: DialOptions) -> _Dials:
        """With the connection of a login that is gone already."""
        layers = replace(options, timeout=math.inf)
        secure = Securer(layers)

        async def dial() -> Stream:
            return await secure(await reach(layers))

        session = SteppedSession(dial, await reach(options), options.timeout, TooLate(options, secure))
        session.open(lambda stream: stream.abort(), lambda error: pytest.fail(str(error)))
        return cls(session)

    def open(self) -> None:
        self.session.open(self.streams.append, self.errors.append)

    async def ended(self) -> None:
        for stream in self.streams:
            stream.abort()
        await self.session.close()


async def _closed(peer: socket.socket) -> None:
    """Wait until the other end has closed the connection."""
    peer.setblocking(False)
    with contextlib.suppress(ConnectionResetError):
        while await asyncio.get_running_loop().sock_recv(peer, 4096):
            pass


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


async def test_each_connection_is_dialled_anew_without_a_task(server: socket.socket) -> None:
    port = server.getsockname()[1]
    dials = _Dials(await TcpTransport().connect(_options(port)))
    assert isinstance(dials.session, SteppedSession)
    tasks = asyncio.all_tasks()
    for _ in range(3):
        dials.open()
    assert len(dials.streams) == 1, "the connection of the login"
    assert asyncio.all_tasks() == tasks
    await until(lambda: len(dials.streams) == 3)
    sock = dials.streams[-1].info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 7200
    assert not dials.session.dialling
    assert not len(dials.session.limit)
    server.close()
    dials.open()
    await until(lambda: dials.errors)
    assert str(dials.errors[0]) == f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    await dials.ended()


async def test_a_server_that_does_not_answer_the_tls_handshake(
    server: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    """Others go on; the connection is closed; nobody is told after the end of the session."""
    where = join_host_port(*server.getsockname())
    options = _options(server.getsockname()[1], timeout=0.05, tls=True)
    with pytest.raises(TimedOut, match="no answer to the TLS handshake"):
        await TcpTransport().connect(options)
    dials = await _Dials.stepped(options)
    dials.open()
    dials.open()
    await until(lambda: len(dials.errors) == 2)
    assert [str(error) for error in dials.errors] == [
        f"no answer to the TLS handshake from {where} within 0.05 s"
    ] * 2
    assert isinstance(dials.errors[0], TimedOut)
    for _ in range(4):  # those above, too
        with server.accept()[0] as peer:
            await _closed(peer)
    gc.collect()
    assert not caplog.records, "no exception that nobody takes"


async def test_no_dial_outlives_its_session(server: socket.socket) -> None:
    dials = await _Dials.stepped(_options(server.getsockname()[1], tls=True))
    server.accept()[0].close()
    dials.open()
    peer, _ = server.accept()
    with peer:
        peer.setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(peer, 1) == b"\x17"
        await dials.session.close()
        await _closed(peer)
    assert not dials.streams
    assert not dials.errors


async def test_a_user_of_a_connection_that_fails(
    server: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    dials = await _Dials.stepped(_options(server.getsockname()[1]))
    server.accept()[0].close()

    def fails(stream: Stream) -> None:
        raise LookupError("nobody")

    dials.session.open(fails, fails)  # type: ignore[arg-type]
    peer, _ = server.accept()
    with peer:
        peer.setblocking(False)
        with pytest.raises(ConnectionResetError):
            await asyncio.get_running_loop().sock_recv(peer, 1)
    assert "the user of a connection to the server failed" in caplog.text
    caplog.clear()


async def test_names_and_proxies_take_a_task(server: socket.socket) -> None:
    session = await TcpTransport().connect(_options(server.getsockname()[1], host="localhost"))
    assert not isinstance(session, SteppedSession)
    await session.close()

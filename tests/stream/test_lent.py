"""Memory that is lent: who may get it, and that nobody keeps it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest

from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.lent import LENT, memory_of, own
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.mux.stream import MuxStream
from aiofrp.stream.splice import join
from aiofrp.stream.tcp import TcpStream
from aiofrp.stream.tls.stream import TlsStream
from tests.support.certs import NAME, authority
from tests.support.ends import Borrower, End, until

pytestmark = pytest.mark.both_loops

#: More than any window or buffer on the way.
MUCH = 24_000_000

Connect = Callable[[], "asyncio.Future[tuple[TcpStream, TcpStream]]"]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes connections on 127.0.0.1: the dialling and the accepted stream."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Queue[TcpStream] = asyncio.Queue()
    server = await loop.create_server(lambda: TcpStream(accepted.put_nowait), "127.0.0.1", 0)
    made: list[TcpStream] = []

    async def pair() -> tuple[TcpStream, TcpStream]:
        _, near = await loop.create_connection(TcpStream, *server.sockets[0].getsockname())
        made.extend((near, await accepted.get()))
        return made[-2], made[-1]

    yield lambda: asyncio.ensure_future(pair())
    for stream in made:
        stream.abort()
    server.close()


def test_lent_data_is_copied_to_be_kept() -> None:
    memory = memoryview(bytearray(b"data"))
    kept = own(memory)
    memory[:] = b"else"
    assert kept == b"data"
    whole = b"data"
    view = memoryview(whole)
    assert own(whole) is whole
    assert own(view) is view


def test_each_thread_and_each_layer_has_its_own_memory() -> None:
    assert memory_of("one") is memory_of("one")
    assert memory_of("one") is not memory_of("two")
    assert len(memory_of("one")) == LENT


async def test_a_socket_lends_to_who_borrows_once_much_comes(connect: Connect) -> None:
    near, far = await connect()
    writer, reader = End(near).attach(), Borrower(far)
    reader.attach()
    data = random.Random(1).randbytes(MUCH)
    writer.write(b"little")
    await until(lambda: reader.data)
    assert reader.lent == [False]
    writer.write(data)
    await until(lambda: len(reader.data) == 6 + MUCH)
    assert reader.data == b"little" + data
    assert reader.lent[-1]
    keeper = End(far).attach()  # which objects to lent memory
    writer.write(data)
    await until(lambda: len(keeper.data) == MUCH)
    assert keeper.data == data
    writer.close()
    await until(lambda: keeper.eofs)
    keeper.close()
    await until(lambda: keeper.lost and writer.lost)
    assert keeper.error is None
    keeper.check()


async def test_what_a_socket_lends_while_nobody_reads_is_kept(connect: Connect) -> None:
    near, far = await connect()
    far.lend()
    writer, reader = End(near).attach(), Borrower(far)
    data = random.Random(2).randbytes(300_000)
    writer.write(data)
    await until(lambda: far._held)
    reader.attach()
    await until(lambda: len(reader.data) == len(data))
    assert reader.data == data


@pytest.mark.parametrize("layers", ["tls", "mux", "mux/tls"])
async def test_bulk_that_is_lent_on_its_way_arrives_as_it_was(connect: Connect, layers: str) -> None:
    """From a user through a splice, to a service that often does not read: so queues fill on the way."""
    (user, a), (b, c), (d, service) = await connect(), await connect(), await connect()
    left: Stream = b
    right: Stream = c
    if "tls" in layers:
        left = TlsStream(b, authority().client_context(), server_side=False, server_hostname=NAME)
        right = TlsStream(c, authority().server_context(), server_side=True)
    if "mux" in layers:
        accepted: asyncio.Future[MuxStream] = asyncio.get_running_loop().create_future()
        MuxSession(right, client=False, on_stream=accepted.set_result)
        left = MuxSession(left, client=True).open()
        right = await accepted
    join(a, left)
    join(right, d)
    writer, reader = End(user).attach(), End(service).attach()
    up, down = random.Random(3).randbytes(MUCH), random.Random(4).randbytes(MUCH)
    for end in (writer, reader):
        end.on_data = _rests(end)
    writer.write(up)
    reader.write(down)
    writer.write_eof()
    reader.write_eof()
    await until(lambda: writer.lost and reader.lost)
    assert (writer.error, reader.error) == (None, None)
    assert reader.data == up
    assert writer.data == down
    for end in (writer, reader):
        end.check()


def _rests(end: End) -> Callable[[Buffer], None]:
    """Does not read for a moment after each chunk of some."""
    loop = asyncio.get_running_loop()

    def rest(data: Buffer) -> None:
        if end.chunks % 16 == 0 and not end.lost:
            end.pause()
            loop.call_later(0.005, end.resume)

    return rest

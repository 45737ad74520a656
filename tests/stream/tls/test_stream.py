"""TLS over any stream. The peers are our own side and Python's."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from aiofrp.errors import Closed, TimedOut
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.reader import Reader
from aiofrp.stream.tcp import TcpStream
from aiofrp.stream.tls.failures import TlsFailed
from aiofrp.stream.tls.handshake import handshake
from aiofrp.stream.tls.stream import TlsStream
from aiofrp.stream.transform import through
from aiofrp.wire.transforms.base import Buffer
from tests.support.certs import NAME, authority
from tests.support.ends import PATIENCE, Borrower, End, settle, until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Meter:
    """A transform that counts what passes on its way out."""

    def __init__(self) -> None:
        self.writes = 0

    def encode(self, data: Buffer) -> bytes:
        self.writes += 1
        return bytes(data)

    def decode(self, data: Buffer) -> bytes:
        return bytes(data)


def client(lower: Stream, context: ssl.SSLContext | None = None) -> TlsStream:
    return TlsStream(
        lower,
        context or authority().client_context(),
        server_side=False,
        server_hostname=NAME,
    )


def server(lower: Stream, context: ssl.SSLContext | None = None, early: bytes = b"") -> TlsStream:
    return TlsStream(lower, context or authority().server_context(), server_side=True, early=early)


async def ready(*streams: TlsStream) -> list[End]:
    """Attached users of the streams, once their handshakes are done."""
    async with asyncio.TaskGroup() as group:
        for stream in streams:
            group.create_task(handshake(stream, PATIENCE))
    return [End(stream).attach() for stream in streams]


async def failure(stream: TlsStream) -> TlsFailed:
    """What the handshake fails with."""
    with pytest.raises(TlsFailed) as caught:
        await handshake(stream, PATIENCE)
    return caught.value


@pytest.fixture(params=[3, 64 * 1024], ids=["cut", "whole"])
async def carriers(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Stream, Stream]]:
    """A pair in memory, delivering three bytes at a time or all at once."""
    a, b = memory_pair(chunk=request.param)
    yield a, b
    a.abort()
    b.abort()


Carriers = tuple[Stream, Stream]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_conversation_and_its_end(carriers: Carriers, version: ssl.TLSVersion) -> None:
    context = authority().client_context()
    context.minimum_version = context.maximum_version = version
    near, far = client(carriers[0], context), server(carriers[1])
    a, b = await ready(near, far)
    assert near.info("ssl_object").version() == version.name.replace("_", ".")
    assert near.info("ssl_object").getpeercert()["subjectAltName"][0] == ("DNS", NAME)
    a.write(b"request")
    a.write_eof()
    await until(lambda: b.eofs)
    assert b.data == b"request"
    b.write(b"answer" * 10)
    await until(lambda: len(a.data) == 60)
    assert not b.lost
    b.write_eof()
    await until(lambda: a.lost and b.lost)
    assert (a.error, b.error) == (None, None)
    for end in (a, b):
        end.check()


async def test_the_context_may_be_pythons_server() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(5)).upper() + bytes(100_000))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority().server_context())
    host, port = listening.sockets[0].getsockname()
    _, lower = await asyncio.get_running_loop().create_connection(TcpStream, host, port)
    (a,) = await ready(client(lower))
    a.write(b"hello")
    await until(lambda: a.eofs or a.lost)
    assert a.data == b"HELLO" + bytes(100_000)
    assert a.eofs
    a.close()
    await until(lambda: a.lost)
    listening.close()


async def test_the_peer_may_be_pythons_client() -> None:
    ends: list[End] = []

    def connected(lower: TcpStream) -> None:
        end = End(server(lower))
        end.on_data = lambda data: end.write(bytes(data).upper())
        end.on_eof = end.write_eof
        ends.append(end.attach())

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: TcpStream(connected), "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(
        host, port, ssl=authority().client_context(), server_hostname=NAME
    )
    writer.write(b"hello" * 20_000)
    assert await reader.readexactly(100_000) == b"HELLO" * 20_000
    writer.close()
    await writer.wait_closed()
    await until(lambda: ends[0].lost)
    ends[0].check()
    listening.close()


# Coalescing


async def test_the_first_write_of_a_turn_leaves_at_once_and_the_rest_together() -> None:
    near, far = memory_pair()
    meter = Meter()
    a, b = await ready(client(through(near, [meter])), server(far))
    before = meter.writes
    a.write(b"0123456789")
    assert meter.writes == before + 1
    for _ in range(49):
        a.write(b"0123456789")
    assert meter.writes == before + 1
    await until(lambda: len(b.data) == 500)
    assert meter.writes == before + 2
    a.close()
    b.close()
    await until(lambda: a.lost and b.lost)


async def test_where_turns_have_several_writes_each_all_of_a_turn_leave_together() -> None:
    near, far = memory_pair()
    meter = Meter()
    a, b = await ready(client(through(near, [meter])), server(far))
    before, expected = meter.writes, 0
    # Writes of each turn, and how many of the carrier they become; the first of them not in the turn itself.
    for writes, leave, at_once in ((3, 2, True), (3, 1, False), (2, 1, False), (1, 1, False), (1, 1, True)):
        for _ in range(writes):
            a.write(b"x")
        assert meter.writes == before + expected + at_once
        expected += leave
        await asyncio.sleep(0)
        assert meter.writes == before + expected
    await until(lambda: len(b.data) == 10)
    a.close()
    b.close()
    await until(lambda: a.lost and b.lost)


async def test_what_one_connection_alone_writes_leaves_at_once() -> None:
    near, far = memory_pair()
    meter = Meter()
    context = authority().client_context()
    alone = TlsStream(through(near, [meter]), context, server_side=False, server_hostname=NAME, gathers=False)
    a, b = await ready(alone, server(far))
    before = meter.writes
    for number in range(3):
        a.write(b"x")
        assert meter.writes == before + number + 1
    await until(lambda: b.data == b"xxx")
    a.close()
    b.close()
    await until(lambda: a.lost and b.lost)


async def test_much_is_not_held_until_the_turn_ends() -> None:
    near, far = memory_pair()
    meter = Meter()
    a, b = await ready(client(through(near, [meter])), server(far))
    before = meter.writes
    for _ in range(20):
        a.write(bytes(10_000))
    assert meter.writes == before + 3
    await until(lambda: len(b.data) == 200_000)
    assert meter.writes == before + 4
    a.abort()
    await until(lambda: b.lost)


# Before the handshake


async def test_bytes_read_before_are_fed_in(carriers: Carriers) -> None:
    near = client(carriers[0])
    reader = Reader(carriers[1])
    early = await reader.read_exactly(20)
    reader.detach()
    far = server(carriers[1], early=early)
    a, b = await ready(near, far)
    a.write(b"hello")
    await until(lambda: b.data)


async def test_a_whole_hello_may_be_early() -> None:
    near, far = memory_pair()
    dialling = client(near)
    reader = Reader(far)
    early = await reader.read()
    reader.detach()
    await ready(dialling, server(far, early=early))
    near.abort()


async def test_writing_before_the_handshake(carriers: Carriers) -> None:
    """What is written, and the end, wait; the reader gets them in order."""
    a = End(client(carriers[0])).attach()
    a.write(b"early ")
    a.write(b"bird")
    a.write_eof()
    await settle(lambda: None)
    b = End(server(carriers[1])).attach()
    await until(lambda: b.eofs)
    assert b.data == b"early bird"
    b.write(b"answer")
    await until(lambda: a.data == b"answer")


async def test_writing_much_before_the_handshake_pauses() -> None:
    near, far = memory_pair()
    a = End(client(near)).attach()
    a.write(bytes(65_536))
    assert a.writing_paused
    b = End(server(far)).attach()
    await until(lambda: len(b.data) == 65_536)
    assert not a.writing_paused
    near.abort()


async def test_the_handshakes_end_does_not_resume_a_writer_the_carrier_stops() -> None:
    near, far = memory_pair()
    a = End(client(near)).attach()
    a.write(bytes(200_000))
    b = End(server(far))
    b.pause()
    b.attach()
    await settle(lambda: a.writing_paused)
    assert a.writing_paused
    b.resume()
    await until(lambda: len(b.data) == 200_000)
    assert not a.writing_paused
    near.abort()


async def test_a_paused_user_does_not_stop_the_handshake(carriers: Carriers) -> None:
    a, b = End(client(carriers[0])).attach(), End(server(carriers[1])).attach()
    a.pause()
    b.pause()
    a.write(b"hello")
    await until(lambda: a.stream.ready and b.stream.ready)  # type: ignore[attr-defined]
    await settle(lambda: b.data)
    assert not b.data
    b.resume()
    await until(lambda: b.data == b"hello")


async def test_no_answer_is_a_time_out() -> None:
    near, far = memory_pair()
    stream = client(near)
    silent = End(far).attach()
    with pytest.raises(TimedOut, match=r"within 0\.01 s"):
        await handshake(stream, 0.01)
    await until(lambda: silent.lost)
    assert isinstance(silent.error, Closed)


async def test_a_cancelled_handshake_drops_the_stream() -> None:
    near, far = memory_pair()
    silent = End(far).attach()
    waiting = asyncio.create_task(handshake(client(near), PATIENCE))
    await until(lambda: silent.data)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: silent.lost)


async def test_closing_during_the_handshake() -> None:
    near, far = memory_pair()
    a, b = End(client(near)).attach(), End(server(far)).attach()
    a.close()
    await until(lambda: a.lost and b.lost)
    assert a.error is None
    assert isinstance(b.error, TlsFailed)


# Failures say why


async def test_a_peer_that_speaks_no_tls() -> None:
    near, far = memory_pair()
    stream = client(near)
    far.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    error = await failure(stream)
    assert "the peer does not speak TLS on this port" in str(error)
    assert error.seen == b"HTTP/1.1 400 Bad Request\r\n\r\n"
    far.abort()


async def test_a_plain_request_to_a_tls_port() -> None:
    near, far = memory_pair()
    near.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    error = await failure(server(far))
    assert "the peer sent plain HTTP" in str(error)
    near.abort()


@pytest.mark.parametrize(
    "rubbish",
    [bytes(64), b"\x16\x03\x01\x00\x05hello", b"SSH-2.0-OpenSSH_9.7\r\n"],
    ids=["zeros", "record", "ssh"],
)
async def test_rubbish_instead_of_a_hello(rubbish: bytes) -> None:
    near, far = memory_pair()
    near.write(rubbish)
    assert "TLS: " in str(await failure(server(far)))
    near.abort()


async def test_an_unknown_authority_is_refused() -> None:
    near, far = memory_pair()
    listening = End(server(far)).attach()
    error = await failure(client(near, authority("another").client_context()))
    assert "certificate was refused" in str(error)
    await until(lambda: listening.lost)
    assert "alert unknown ca" in str(listening.error)


async def test_another_name_is_refused() -> None:
    near, far = memory_pair()
    listening = End(server(far)).attach()
    stream = TlsStream(near, authority().client_context(), server_side=False, server_hostname="other.test")
    assert "other.test" in str(await failure(stream))
    await until(lambda: listening.lost)


async def test_a_missing_client_certificate_is_refused() -> None:
    """With TLS 1.3 the client learns it after its own handshake."""
    near, far = memory_pair()
    a, b = End(client(near)).attach(), End(server(far, _demanding("tests"))).attach()
    await until(lambda: a.lost and b.lost)
    assert "alert certificate required" in str(a.error)
    assert isinstance(a.error, TlsFailed)
    assert "peer did not return a certificate" in str(b.error)


async def test_a_client_certificate_of_another_authority_is_refused() -> None:
    near, far = memory_pair()
    a = End(client(near, authority().client_context(certificate=True))).attach()
    b = End(server(far, _demanding("another"))).attach()
    await until(lambda: a.lost and b.lost)
    assert "alert unknown ca" in str(a.error)
    assert isinstance(b.error, TlsFailed)


async def test_a_client_certificate_is_accepted(carriers: Carriers) -> None:
    near = client(carriers[0], authority().client_context(certificate=True))
    a, b = await ready(near, server(carriers[1], _demanding("tests")))
    a.write(b"hello")
    await until(lambda: b.data)


def _demanding(ca: str) -> ssl.SSLContext:
    return authority().server_context(client_ca=authority(ca).ca)


async def test_a_peer_that_hangs_up_during_the_handshake() -> None:
    near, far = memory_pair()
    stream = client(near)
    far.close()
    assert "ended during the TLS handshake" in str(await failure(stream))


async def test_a_peer_that_resets_during_the_handshake() -> None:
    near, far = memory_pair()
    stream = client(near)
    far.abort()
    error = await failure(stream)
    assert "ended during the TLS handshake" in str(error)
    assert isinstance(error.__cause__, Closed)


async def test_a_failure_before_anyone_waits_is_told_later() -> None:
    near, far = memory_pair()
    near.write(b"GET / HTTP/1.1\r\n\r\n")
    stream = server(far)
    await settle(lambda: None)
    assert "plain HTTP" in str(await failure(stream))
    near.abort()


# Ends


async def test_a_carrier_cut_in_the_middle_of_a_record_is_an_error() -> None:
    near, far = memory_pair()
    relay_near, relay_far = memory_pair()
    left, right = End(far).attach(), End(relay_near).attach()
    left.on_data = right.write
    right.on_data = left.write
    a, b = await ready(client(near), server(relay_far))
    left.on_data = lambda data: right.write(bytes(data)[:-5])
    a.write(b"hello" * 100)
    a.close()
    await settle(lambda: None)
    right.close()
    await until(lambda: b.lost)
    assert isinstance(b.error, Closed | TlsFailed)
    assert not b.eofs
    b.check()


async def test_a_changed_byte_is_an_error() -> None:
    near, far = memory_pair()
    relay_near, relay_far = memory_pair()
    left, right = End(far).attach(), End(relay_near).attach()
    left.on_data = right.write
    right.on_data = left.write
    a, b = await ready(client(near), server(relay_far))
    left.on_data = lambda data: right.write(bytes(data)[:-1] + bytes((data[-1] ^ 1,)))
    a.write(b"hello")
    await until(lambda: a.lost and b.lost)
    assert isinstance(b.error, TlsFailed)
    assert isinstance(a.error, TlsFailed), "the peer is told by an alert"
    assert not b.data


async def test_what_follows_the_farewell_is_ignored() -> None:
    near, far = memory_pair()
    a, b = await ready(client(near), server(far))
    a.write(b"bye")
    a.write_eof()
    near.write(b"\x17\x03\x03\x00\x05rubbish and more")
    near.write(b"rubbish")
    await until(lambda: b.eofs)
    await settle(lambda: b.eofs)
    b.write(b"still here")
    await until(lambda: a.data)
    b.check()
    near.abort()
    await until(lambda: b.lost)


async def test_bulk_with_a_close_behind_it(carriers: Carriers) -> None:
    a, b = await ready(client(carriers[0]), server(carriers[1]))
    a.write(b"x" * 30_000)
    a.close()
    await until(lambda: b.eofs)
    assert len(b.data) == 30_000
    await until(lambda: b.lost)
    assert b.error is None


@pytest.mark.parametrize("borrows", [True, False])
async def test_who_borrows_gets_bulk_in_memory_that_is_used_again(borrows: bool) -> None:
    """All others keep what they got."""
    near, far = memory_pair(chunk=1_000_000)
    streams = client(near), server(far)
    a, b = await ready(*streams)
    borrower = Borrower(streams[1])
    if borrows:
        b = borrower.attach()
    data = random.Random(1).randbytes(900_000)
    kept: list[bytes | memoryview] = []
    b.on_data = kept.append
    for start, stop in pairwise((0, 100, 3_000, len(data))):
        a.write(data[start:stop])
    await until(lambda: len(b.data) == len(data))
    assert b.data == data
    if borrows:
        assert {(type(one), lent) for one, lent in zip(borrower.given, borrower.lent, strict=True)} == {
            (bytes, False),
            (memoryview, True),
        }
        assert b"".join(borrower.given) != data
    else:
        assert b"".join(kept) == data
    b.check()


class Suffix:
    """A transform that adds bytes to what is written, once ``added`` has some."""

    added = b""

    def encode(self, data: Buffer) -> bytes:
        return bytes(data) + self.added

    def decode(self, data: Buffer) -> bytes:
        return bytes(data)


async def test_bytes_after_a_close_notify_bring_no_second_end() -> None:
    suffix = Suffix()
    near, far = memory_pair()
    a, b = await ready(client(near), server(through(far, [suffix])))
    suffix.added = b"more after the close_notify"
    b.write_eof()
    await until(lambda: a.eofs)
    assert not a.lost
    suffix.added = b""
    a.write(b"last")
    a.write_eof()
    await until(lambda: a.lost and b.lost)
    assert (a.eofs, a.error, bytes(b.data), b.error) == (1, None, b"last", None)
    a.check()
    b.check()

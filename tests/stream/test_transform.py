"""Transforms fused into a stream."""

from __future__ import annotations

from aiofrp.errors import FrpError, RemoteProtocolError
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.transform import through
from aiofrp.wire.transforms.base import Buffer
from aiofrp.wire.transforms.snappy import Snappy
from tests.support.ends import End, until


class Quote:
    """Puts a mark around every chunk, and may refuse to decode."""

    def __init__(self, mark: bytes) -> None:
        self.mark = mark

    def encode(self, data: Buffer) -> bytes:
        return self.mark + bytes(data) + self.mark

    def decode(self, data: Buffer) -> bytes:
        if self.mark not in bytes(data):
            raise RemoteProtocolError("unquoted")
        return bytes(data).strip(self.mark)


async def test_without_transforms_the_stream_is_itself() -> None:
    near, _ = memory_pair()
    assert through(near, []) is near


async def test_transforms_are_listed_from_the_wire_inwards() -> None:
    near, far = memory_pair()
    a, wire = End(through(near, [Quote(b"("), Quote(b"[")])).attach(), End(far).attach()
    a.write(b"hello")
    await until(lambda: wire.data)
    assert wire.data == b"([hello[("
    wire.write(b"([answer[(")
    await until(lambda: a.data)
    assert a.data == b"answer"
    a.abort()
    await until(lambda: a.lost and wire.lost)


async def test_what_decodes_to_nothing_yet_is_not_delivered() -> None:
    near, far = memory_pair(chunk=1)
    a, b = End(through(near, [Snappy()])).attach(), End(through(far, [Snappy()])).attach()
    a.write(b"hello")
    a.write_eof()
    await until(lambda: b.eofs)
    assert b.data == b"hello"
    assert b.chunks == 1
    b.close()
    await until(lambda: a.lost and b.lost)
    b.check()


async def test_what_cannot_be_decoded_ends_the_stream() -> None:
    near, far = memory_pair()
    a, wire = End(through(near, [Quote(b"(")])).attach(), End(far).attach()
    wire.write(b"(good(")
    await until(lambda: a.data)
    wire.write(b"bad")
    wire.write(b"(more(")
    await until(lambda: a.lost and wire.lost)
    assert isinstance(a.error, RemoteProtocolError)
    assert isinstance(wire.error, FrpError)
    assert a.data == b"good"
    a.check()


async def test_an_error_comes_at_once_even_to_a_paused_reader() -> None:
    near, far = memory_pair()
    a, wire = End(through(near, [Quote(b"(")])), End(far).attach()
    a.pause()
    a.attach()
    wire.write(b"bad")
    a.resume()
    await until(lambda: a.lost and wire.lost)
    assert isinstance(a.error, RemoteProtocolError)
    a.check()

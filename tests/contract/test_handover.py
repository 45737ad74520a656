"""Handing a stream from one receiver to the next loses nothing."""

from __future__ import annotations

import pytest

from aiofrp.errors import FrpError
from aiofrp.stream.base import Buffer
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.reader import Reader
from aiofrp.stream.splice import join
from tests.contract.stacks import Pair
from tests.contract.test_flow import MESSAGE, fill
from tests.support.ends import End, settle, until

pytestmark = pytest.mark.both_loops


async def test_attaching_the_next_receiver(pair: Pair, a: End, b: End) -> None:
    a.write(MESSAGE)
    await until(lambda: len(b.data) == len(MESSAGE))
    other = pair.user(pair.b)
    a.write(MESSAGE)
    a.write_eof()
    await until(lambda: other.eofs)
    assert bytes(other.data) == MESSAGE
    assert bytes(b.data) == MESSAGE
    assert not b.eofs
    pair.ends.remove(b)


async def test_attaching_the_next_receiver_while_paused(pair: Pair, a: End, b: End) -> None:
    b.pause()
    a.write(MESSAGE)
    await settle(lambda: None)
    other = pair.user(pair.b)
    a.write(MESSAGE)
    await settle(lambda: None)
    other.resume()
    await until(lambda: len(other.data) == 2 * len(MESSAGE))
    assert not b.data
    pair.ends.remove(b)


async def test_attaching_the_next_receiver_within_a_delivery(pair: Pair, a: End, b: End) -> None:
    """One message for the first receiver, the rest for the next: the way a shared port finds its user."""
    others: list[End] = []

    def hand_over(data: Buffer) -> None:
        pair.b.detach()
        others.append(pair.user(pair.b))

    b.on_data = hand_over
    a.write(MESSAGE)
    a.write_eof()
    await until(lambda: others and others[0].eofs)
    assert bytes(b.data + others[0].data) == MESSAGE
    assert b.chunks == 1
    assert not b.eofs
    pair.ends.remove(b)


async def test_a_detached_stream_keeps_what_arrives(pair: Pair, a: End, b: End) -> None:
    pair.b.detach()
    a.write(MESSAGE)
    a.write_eof()
    await settle(lambda: None)
    assert not b.data
    other = pair.user(pair.b)
    await until(lambda: other.eofs)
    assert bytes(other.data) == MESSAGE
    assert not b.eofs
    pair.ends.remove(b)


async def test_the_next_receiver_hears_that_the_peer_finished(pair: Pair, a: End, b: End) -> None:
    a.write_eof()
    await until(lambda: b.eofs)
    pair.b.detach()
    other = pair.user(pair.b)
    await until(lambda: other.eofs)
    other.write(MESSAGE)
    other.write_eof()
    await until(lambda: other.lost and a.lost)
    assert bytes(a.data) == MESSAGE
    pair.ends.remove(b)


async def test_the_next_receiver_hears_of_the_end(pair: Pair, a: End, b: End) -> None:
    a.abort()
    await until(lambda: b.lost)
    other = pair.user(pair.b)
    await until(lambda: other.lost)
    assert isinstance(other.error, FrpError) is pair.aborts_are_errors


async def test_the_first_receiver_may_come_after_the_end(pair: Pair, a: End) -> None:
    a.write(MESSAGE)
    a.write_eof()
    pair.b.write_eof()
    await until(lambda: a.lost)
    b = pair.user(pair.b)
    await until(lambda: b.lost)
    assert bytes(b.data) == MESSAGE
    assert b.eofs == 1
    assert b.error is None


async def test_the_first_receiver_may_come_after_a_local_close(pair: Pair, a: End) -> None:
    a.write(MESSAGE)
    await settle(lambda: None)
    pair.b.close()
    await settle(lambda: None)
    b = pair.user(pair.b)
    await until(lambda: b.lost)
    assert not b.data


async def test_the_next_receiver_hears_that_writing_is_paused(pair: Pair, a: End, b: End) -> None:
    b.pause()
    await fill(a, pair.bound)
    pair.a.detach()
    other = pair.user(pair.a)
    assert other.writing_paused
    b.resume()
    await until(lambda: not other.writing_paused)
    pair.ends.remove(a)


async def test_a_conversation_hands_on_what_it_read_too_far(pair: Pair, a: End) -> None:
    reader = Reader(pair.b)
    a.write(b"head\n" + MESSAGE)
    a.write_eof()
    assert await reader.read_until(b"\n") == b"head\n"
    await settle(lambda: None)
    reader.detach()
    b = pair.user(pair.b)
    await until(lambda: b.eofs)
    assert bytes(b.data) == MESSAGE


async def test_bytes_put_back_come_first(pair: Pair, a: End, b: End) -> None:
    a.write(MESSAGE)
    await until(lambda: len(b.data) == len(MESSAGE))
    pair.b.detach()
    pair.b.unread(b"second")
    pair.b.unread(b"first")
    pair.b.unread(b"")
    a.write(b"third")
    a.write_eof()
    other = pair.user(pair.b)
    await until(lambda: other.eofs)
    assert bytes(other.data) == b"firstsecondthird"
    pair.ends.remove(b)


async def test_bytes_put_back_after_the_end_still_come(pair: Pair, a: End, b: End) -> None:
    a.write(MESSAGE)
    b.write_eof()
    a.write_eof()
    await until(lambda: b.lost)
    pair.b.detach()
    pair.b.unread(MESSAGE)
    other = pair.user(pair.b)
    await until(lambda: other.lost)
    assert bytes(other.data) == MESSAGE
    assert other.eofs == 1


async def test_a_splice_after_a_conversation_the_peer_has_left(pair: Pair, a: End) -> None:
    """Everything, its end included, arrived during the conversation: the splice still ends the other side."""
    near, far = memory_pair()
    target = End(far).attach()
    reader = Reader(pair.b)
    a.write(b"head\n" + MESSAGE)
    a.write_eof()
    assert await reader.read_until(b"\n") == b"head\n"
    await settle(lambda: None)
    reader.detach()
    join(pair.b, near)
    await until(lambda: target.eofs)
    assert bytes(target.data) == MESSAGE
    target.write(MESSAGE)
    target.write_eof()
    await until(lambda: a.lost and target.lost)
    assert bytes(a.data) == MESSAGE


async def test_layers_are_named_from_the_top(pair: Pair, request: pytest.FixtureRequest) -> None:
    case: str = request.node.callspec.params["pair"]
    names = {"transforms": "transform", "lending": "tcp"} | dict.fromkeys(
        ("memory1", "memory7", "memory64k"), "memory"
    )
    expected = tuple(names.get(part, part) for part in case.lstrip("~").split("/"))
    assert pair.a.info("layers") == pair.b.info("layers") == expected
    assert pair.a.info("no such fact") is None

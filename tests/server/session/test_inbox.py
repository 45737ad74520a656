"""Messages of a client: their order, and when its connection is read."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.errors import ProtocolError
from aiofrp.server.session.inbox import LIMIT, Inbox
from aiofrp.stream.base import Pause
from aiofrp.stream.memory import MemoryStream
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import CloseProxy, Message, Ping


class Watched(MemoryStream):
    """A stream that notes whether it is read."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        super().__init__(65536)
        self.changes: list[bool] = []

    def pause_reading(self, why: Pause = Pause.PEER, /) -> None:
        self.changes.append(False)

    def resume_reading(self, why: Pause = Pause.PEER, /) -> None:
        self.changes.append(True)


def inbox() -> tuple[Inbox, Watched]:
    made, stream = Inbox(V1.decoder()), Watched()
    made.read(stream)
    return made, stream


def names(count: int) -> list[Message]:
    return [CloseProxy(proxy_name=str(number)) for number in range(count)]


def encoded(messages: list[Message]) -> bytes:
    return b"".join(V1.encode(message) for message in messages)


async def test_messages_come_in_their_order_however_they_were_cut() -> None:
    made, stream = inbox()
    data = encoded(names(3))
    for index in range(len(data)):
        made.data_received(data[index : index + 1])
    assert [await made.next() for _ in range(3)] == names(3)
    assert (len(made), stream.changes) == (0, [])


async def test_whoever_asks_first_waits_for_a_message() -> None:
    made, _ = inbox()
    waiting = asyncio.create_task(made.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    made.data_received(encoded([Ping()]))
    assert await waiting == Ping()


async def test_too_many_stop_the_reading_until_half_are_left() -> None:
    made, stream = inbox()
    made.data_received(encoded(names(LIMIT)))
    assert stream.changes == []
    made.data_received(encoded(names(1)))
    assert stream.changes == [False]
    while len(made) > LIMIT // 2 + 1:
        await made.next()
    assert stream.changes == [False]
    await made.next()
    assert stream.changes == [False, True]


async def test_a_client_that_takes_no_answers_is_not_read_and_gets_none() -> None:
    made, stream = inbox()
    made.data_received(encoded([Ping()]))
    made.set_writable(False)
    assert (stream.changes, made.writable) == ([False], False)
    waiting = asyncio.create_task(made.next())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    made.set_writable(True)
    assert await waiting == Ping()
    assert (stream.changes, made.writable) == ([False, True], True)


def test_what_is_no_message_raises() -> None:
    made, _ = inbox()
    with pytest.raises(ProtocolError):
        made.data_received(b"\xff nonsense")

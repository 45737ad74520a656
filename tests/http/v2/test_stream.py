"""A stream of HTTP/2: what is queued, when its receiver pauses, and what the connection is given."""

from __future__ import annotations

import pytest

from aiofrp.http.answers import empty
from aiofrp.http.v2.stream import (
    HIGH_WATER,
    LOW_WATER,
    NEARLY_FULL_HIGH,
    NEARLY_FULL_LOW,
    Headers,
    Stream2,
    send_answer,
)
from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.memory import memory_pair
from tests.support.ends import until


class FakeSender:
    """The sending half of a connection: sends nothing by itself."""

    def __init__(self) -> None:
        self.queued = 0
        self.nearly_full = False
        self.timed = False
        self.told: list[str] = []
        self.carrier: Stream = memory_pair()[0]

    def send_headers(self, stream: Stream2, headers: Headers, end: bool, /) -> None:
        self.told.append(f"headers {headers[0][1].decode()}{' end' if end else ''}")

    def pump(self, stream: Stream2, /) -> None:
        pass

    def reset(self, stream: Stream2, code: int, /) -> None:
        self.told.append(f"reset {code}")

    def consumed(self, number: int, size: int, /) -> None:
        self.told.append(f"credit {size}")


class FakeReceiver:
    """Keeps whether it may write."""

    def __init__(self) -> None:
        self.paused = False

    def data_received(self, data: Buffer, /) -> None: ...
    def eof_received(self) -> None: ...
    def connection_lost(self, exc: Exception | None, /) -> None: ...

    def pause_writing(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_writing(self) -> None:
        assert self.paused
        self.paused = False


def made() -> tuple[Stream2, FakeSender, FakeReceiver]:
    sender, receiver = FakeSender(), FakeReceiver()
    stream = Stream2(sender, 1)
    stream.attach(receiver)
    return stream, sender, receiver


@pytest.mark.parametrize(
    ("nearly_full", "high", "low"),
    [(False, HIGH_WATER, LOW_WATER), (True, NEARLY_FULL_HIGH, NEARLY_FULL_LOW)],
)
async def test_the_receiver_pauses_above_the_limit_and_resumes_below(
    nearly_full: bool, high: int, low: int
) -> None:
    stream, sender, receiver = made()
    sender.nearly_full = nearly_full
    stream.write(bytes(high))
    assert not receiver.paused
    stream.write(b"x")
    assert receiver.paused
    assert stream.full
    while stream.queued > low:
        assert receiver.paused
        piece = stream.next_piece(4096)
        assert piece is not None
        stream.resume_if_low()
    assert not receiver.paused
    assert sender.queued == stream.queued


async def test_what_is_queued_comes_out_in_order_and_in_the_sizes_asked_for() -> None:
    stream, sender, _ = made()
    stream.write(b"abc")
    stream.write(b"def")
    stream.write(bytes(5000))
    stream.end([(b"t", b"1")])
    assert stream.next_piece(0) is None
    assert stream.next_piece(4) == b"abcd"
    assert stream.take_end() is None
    assert stream.next_piece(100) == b"ef"
    assert stream.next_piece(9000) == bytes(5000)
    assert stream.take_end() == [(b"t", b"1")]
    assert (stream.take_end(), stream.ended, sender.queued) == (None, True, 0)


async def test_nothing_is_queued_after_the_end_or_the_close() -> None:
    stream, sender, _ = made()
    stream.write(b"abc")
    stream.gone()
    stream.write(b"def")
    stream.send_headers([(b":status", b"200")])
    assert (stream.queued, sender.queued, sender.told) == (0, 0, [])
    stream, sender, _ = made()
    stream.end()
    stream.write(b"x")
    assert sender.queued == 0


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_an_answer_leaves_no_receiver(method: bytes) -> None:
    stream, sender, _ = made()
    answer = empty(404, b"Not Found")
    answer.body = b"no"
    send_answer(stream, answer, method)
    assert sender.told == ["headers 404"]
    assert sender.queued == (2 if method == b"GET" else 0)
    stream.body_received(bytes(7))
    stream.reset()
    assert sender.told[1:] == ["credit 7", "reset 2"]


async def test_credit_is_given_once_for_what_the_receiver_has() -> None:
    stream, sender, receiver = made()
    stream.body_received(bytes(10))
    stream.pause_reading()
    stream.body_received(bytes(5))
    assert sender.told == ["credit 10"]
    stream.detach()
    stream.unread(bytes(4))
    stream.attach(receiver)
    stream.resume_reading()
    await until(lambda: not stream._held)
    assert sum(int(line.split()[1]) for line in sender.told) == 15


async def test_what_is_held_is_credited_when_the_stream_goes() -> None:
    for end in ("close", "abort", "reset_received"):
        stream, sender, _ = made()
        stream.pause_reading()
        stream.body_received(bytes(5))
        assert sender.told == []
        stream.reset_received(8) if end == "reset_received" else getattr(stream, end)()
        assert "credit 5" in sender.told

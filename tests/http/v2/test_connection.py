"""A connection of HTTP/2 in memory; the frames of its peer are made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from aiofrp import faults
from aiofrp.errors import Closed
from aiofrp.http.answers import empty
from aiofrp.http.scheduler import Scheduler
from aiofrp.http.v2 import sender as sender2
from aiofrp.http.v2 import stream as stream2
from aiofrp.http.v2.connection import Connection2
from aiofrp.http.v2.stream import Headers, Stream2, ignore, send_answer
from aiofrp.stream import memory
from aiofrp.stream.base import Buffer, nothing
from aiofrp.stream.memory import memory_pair
from tests.support.ends import End, settle, until
from tests.support.h2frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    OPENING,
    RST_STREAM,
    SETTINGS,
    Frames,
    fields,
    frame,
    head,
    request,
)

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, CANCEL = 0, 1, 2, 8
POST = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"x"), (b":path", b"/")]


def server(
    opened: Callable[[Stream2, Headers, bool], None], high_water: int = memory.HIGH_WATER
) -> tuple[Connection2, End]:
    """A connection on a server's side, and the end of its peer, which has said what a client begins with. More than
    ``high_water`` bytes under way pause a writer."""
    near, far = memory_pair(high_water=high_water)
    connection = Connection2(near, Scheduler(), opened=opened, lost=nothing)
    peer = End(far).attach()
    peer.write(OPENING)
    return connection, peer


def client() -> tuple[Connection2, End]:
    """The same on a client's side."""
    near, far = memory_pair()
    connection = Connection2(near, Scheduler(), lost=nothing, client=True)
    peer = End(far).attach()
    peer.write(frame(SETTINGS))
    return connection, peer


def resets(peer: End) -> list[tuple[int, int]]:
    """The streams that were reset, each with its error code."""
    found = Frames().receive_data(bytes(peer.data))
    return [(stream, int.from_bytes(body)) for kind, _, stream, body in found if kind == RST_STREAM]


async def gone(connection: Connection2, peer: End) -> None:
    connection.abort()
    await until(lambda: peer.lost)


async def test_a_peer_that_takes_no_answers_is_read_no_more_until_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Heads are sent whatever the peer takes; those for a peer that takes nothing are few."""
    monkeypatch.setattr(sender2, "MAX_ANSWERS", 4096)
    connection, peer = server(
        lambda stream, headers, ended: send_answer(stream, empty(404, b"No"), b"HEAD"), high_water=8192
    )
    frames, heads = Frames(), list[int]()

    def take(data: Buffer) -> None:
        heads.extend(stream for kind, _, stream, _ in frames.receive_data(bytes(data)) if kind == HEADERS)

    peer.on_data = take
    peer.pause()
    block, count = fields(method="HEAD"), 0
    while not peer.writing_paused:
        peer.write(b"".join(request(2 * (count + n) + 1, block) for n in range(50)))
        count += 50
        await settle(lambda: peer.writing_paused, turns=20)
        assert count < 2_000, "every request was read"
    assert not heads
    peer.resume()
    peer.write(request(2 * count + 1, block))
    await until(lambda: len(heads) > count)
    assert heads == list(range(1, 2 * count + 2, 2))
    await gone(connection, peer)


@pytest.mark.parametrize(("code", "orderly"), [(NO_ERROR, True), (CANCEL, False)])
async def test_a_reset_after_the_whole_response(code: int, orderly: bool) -> None:
    """NO_ERROR says that the service needs no more of the request (RFC 9113 §8.1): the response is whole."""
    connection, peer = client()
    stream = connection.open(POST, ignore, end=False)
    assert stream is not None
    end = End(stream).attach()
    peer.write(head(1, [(":status", "200")]) + frame(DATA, b"whole", END_STREAM, 1))
    peer.write(frame(RST_STREAM, code.to_bytes(4), 0, 1))
    await until(lambda: end.lost)
    assert (bytes(end.data), end.eofs) == (b"whole", 1)
    assert (end.error is None) == orderly
    end.check()
    await gone(connection, peer)


async def test_a_reset_before_the_end_of_the_response_is_an_error() -> None:
    connection, peer = client()
    stream = connection.open(POST, ignore, end=False)
    assert stream is not None
    end = End(stream).attach()
    peer.write(head(1, [(":status", "200")]) + frame(RST_STREAM, bytes(4), 0, 1))
    await until(lambda: end.lost)
    assert isinstance(end.error, Closed)
    assert not end.eofs
    await gone(connection, peer)


@pytest.mark.parametrize("closed", [True, False])
async def test_a_closed_stream_waits_a_while_for_the_peers_end(
    closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-closed one waits for ever."""
    monkeypatch.setattr(stream2, "LINGER", 0.02)
    streams: list[Stream2] = []

    def accept(stream: Stream2, headers: Headers, ended: bool) -> None:
        stream.send_headers([(b":status", b"200")])
        streams.append(stream)

    connection, peer = server(accept)
    peer.write(request(1, end=False) + request(3, end=False))
    await until(lambda: len(streams) == 2)
    streams[0].write_eof()
    if closed:
        streams[0].close()
    streams[1].close()
    await until(lambda: len(resets(peer)) >= 1 + closed and streams[1].closed)
    assert sorted(resets(peer)) == ([(1, NO_ERROR), (3, NO_ERROR)] if closed else [(3, NO_ERROR)])
    await gone(connection, peer)


async def test_a_user_of_a_stream_that_fails_ends_this_stream_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asyncio.get_running_loop().set_exception_handler(faults.handle_loop_error)

    def accept(stream: Stream2, headers: Headers, ended: bool) -> None:
        if stream.number == 1:
            raise ValueError("a fault of the program")
        send_answer(stream, empty(204, b""), b"HEAD")

    connection, peer = server(accept)
    peer.write(request(1) + request(3))
    await until(lambda: resets(peer))
    assert resets(peer) == [(1, INTERNAL_ERROR)]
    kinds = [(kind, stream) for kind, _, stream, _ in Frames().receive_data(bytes(peer.data))]
    assert (HEADERS, 3) in kinds
    assert "a fault of the program" in caplog.text
    faults._shared._kinds.clear()
    await gone(connection, peer)


async def test_a_malformed_response_ends_its_stream_alone() -> None:
    connection, peer = client()
    one, two = (connection.open(POST, ignore, end=True) for _ in range(2))
    assert one is not None
    assert two is not None
    ends = [End(one).attach(), End(two).attach()]
    peer.write(head(1, [(":status", "200"), ("Upper", "x")]))
    peer.write(head(3, [(":status", "200")], END_HEADERS | END_STREAM))
    await until(lambda: all(end.lost for end in ends))
    assert isinstance(ends[0].error, Closed)
    assert (ends[1].error, ends[1].eofs) == (None, 1)
    await until(lambda: resets(peer))
    assert resets(peer) == [(1, PROTOCOL_ERROR)]
    await gone(connection, peer)

"""yamux sessions: pings, time-outs, and their end (docs/protocol/wire.md §3)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from aiofrp.errors import Closed, FrpError, TimedOut
from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.mux.stream import MuxStream
from aiofrp.wire.yamux import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    HEADER_SIZE,
    LARGEST_PAYLOAD,
    PING,
    PROTOCOL_ERROR,
    RST,
    SYN,
    WINDOW_UPDATE,
    FrameDecoder,
    header,
)
from tests.stream.yamuxrig import Make
from tests.support.ends import until

# Pings and time


async def test_pings_are_answered(rig: Make) -> None:
    r = rig()
    r.peer.send(PING, SYN, 0, 4711)
    await until(lambda: r.peer.heads)
    assert r.peer.heads == [(PING, ACK, 0, 4711)]


async def test_pings_go_out_and_count_from_zero(rig: Make) -> None:
    r = rig(MuxLimits(keepalive_interval=0.01))
    for number in range(3):
        await until(lambda number=number: len(r.peer.heads) > number)  # type: ignore[misc]
        assert r.peer.heads[number] == (PING, SYN, 0, number)
        r.peer.send(PING, ACK, 0, number)
    assert not r.session.lost


async def test_keepalive_can_be_off(rig: Make) -> None:
    silent = rig(MuxLimits(keepalive_interval=-1, open_timeout=0.001))
    clock = rig(MuxLimits(keepalive_interval=0.01))
    for number in range(3):
        await until(lambda number=number: len(clock.peer.heads) > number)  # type: ignore[misc]
        clock.peer.send(PING, ACK, 0, number)
    assert not silent.peer.heads


async def test_no_answer_to_a_ping_ends_the_session(rig: Make) -> None:
    r = rig(MuxLimits(keepalive_interval=0.01, ping_timeout=0.02))
    end = r.open()
    r.peer.send(WINDOW_UPDATE, ACK, 1)
    await until(lambda: r.peer.sent(PING))
    r.peer.send(PING, ACK, 0, 99)
    await until(lambda: r.losses)
    assert isinstance(r.losses[0], TimedOut)
    assert isinstance(end.error, TimedOut)
    assert not r.peer.sent(GO_AWAY)


async def test_an_open_without_answer_ends_the_session(rig: Make) -> None:
    r = rig(MuxLimits(keepalive_interval=0, open_timeout=0.02))
    end = r.open()
    await until(lambda: r.losses)
    assert isinstance(r.losses[0], TimedOut)
    assert isinstance(end.error, TimedOut)


async def test_a_stream_closed_before_its_answer_is_no_reason(rig: Make) -> None:
    """Its answer may have no ACK, or never come. The next unanswered one is a reason again."""
    r = rig(MuxLimits(keepalive_interval=0, open_timeout=0.02, close_timeout=0.05))
    r.open().close()
    await until(lambda: (WINDOW_UPDATE, RST, 1, 0) in r.peer.heads)
    assert not r.session.lost
    r.open()
    await until(lambda: r.losses)
    assert isinstance(r.losses[0], TimedOut)


# The end of a session


async def test_a_normal_goaway_stops_opening_only(rig: Make) -> None:
    r = rig()
    end = r.open()
    r.peer.send(GO_AWAY, 0, 0, 0)
    r.peer.send(DATA, ACK, 1, payload=b"alive")
    await until(lambda: end.data == b"alive")
    with pytest.raises(Closed):
        r.session.open()
    end.write(b"too")
    await until(lambda: r.peer.payloads.get(1))
    assert r.peer.payloads[1] == b"too"
    assert not r.session.lost


@pytest.mark.parametrize("code", [1, 2, 77])
async def test_any_other_goaway_ends_the_session(rig: Make, code: int) -> None:
    r = rig()
    end = r.open()
    r.peer.send(GO_AWAY, 0, 0, code)
    await until(lambda: r.losses)
    assert f"code {code}" in str(r.losses[0])
    assert isinstance(end.error, Closed)


async def test_losing_the_carrier_is_an_error_for_every_open_stream(rig: Make) -> None:
    r = rig()
    plain, half, closed, done = (r.open() for _ in range(4))
    half.write_eof()
    closed.close()
    done.write_eof()
    r.peer.send(WINDOW_UPDATE, ACK | FIN, 7)
    await until(lambda: done.lost)
    r.peer.abort()
    await until(lambda: r.losses)
    assert isinstance(r.losses[0], FrpError)
    assert isinstance(plain.error, FrpError)
    assert isinstance(half.error, FrpError)
    assert closed.error is None
    assert done.error is None
    assert r.session.stream_count == 0
    with pytest.raises(Closed):
        r.session.open()


async def test_the_end_of_the_carrier_is_no_orderly_end_of_a_stream(rig: Make) -> None:
    r = rig()
    end = r.open()
    r.peer.close()
    await until(lambda: r.losses)
    assert r.losses == [None]
    assert isinstance(end.error, Closed)
    assert not end.eofs


async def test_closing_a_session_sends_what_was_written(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.write(b"last words")
    r.session.close()
    r.session.close()
    await until(lambda: r.peer.eofs)
    assert r.peer.payloads[1] == b"last words"
    assert not r.peer.sent(GO_AWAY)
    await until(lambda: r.losses)
    with pytest.raises(Closed):
        r.session.open()


async def test_streams_offered_to_a_closing_session_are_refused(rig: Make) -> None:
    r = rig(client=False)
    r.session.close()
    r.peer.send(WINDOW_UPDATE, SYN, 1)
    await until(lambda: r.losses)
    assert not r.users


async def test_an_unattached_stream_hears_of_the_loss_later(rig: Make) -> None:
    r = rig()
    stream = r.session.open()
    r.peer.abort()
    await until(lambda: r.losses)
    end = r.use(stream)
    await until(lambda: end.lost)
    assert isinstance(end.error, FrpError)


async def test_a_session_says_what_it_is(rig: Make) -> None:
    r = rig()
    end = r.open()
    assert "streams=1" in repr(r.session)
    assert "MuxStream 1" in repr(end.stream)
    assert r.session.carrier.info("layers") == ("memory",)


class Noted:
    """A carrier that notes what is written to it."""

    def __init__(self, carrier: Stream) -> None:
        self._carrier = carrier
        self.writes: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._carrier, name)

    def write(self, data: Buffer) -> None:
        self.writes.append(bytes(data))
        self._carrier.write(data)


async def test_much_that_is_written_at_once_leaves_in_one_write() -> None:
    """In frames of a limited size, which some peers take one by one."""
    carrier, other = memory_pair()
    noted = Noted(carrier)
    stream = MuxSession(cast(Stream, noted), client=True).open()
    stream.write(bytes(200_000))
    assert [len(data) for data in noted.writes] == [HEADER_SIZE, 200_000 + 4 * HEADER_SIZE]
    assert [frame[3] for frame in FrameDecoder().receive_data(noted.writes[1])] == [LARGEST_PAYLOAD] * 3 + [
        3428
    ]
    other.abort()


async def test_what_one_chunk_causes_leaves_in_one_write() -> None:
    """The acknowledgement of a stream and a short answer: one TLS record and one system call. Much leaves at once."""
    carrier, other = memory_pair()
    noted = Noted(carrier)
    writes = noted.writes
    answers = [b"short", bytes(2000)]

    def answer(stream: MuxStream) -> None:
        for data in answers:
            stream.write(data)

    session = MuxSession(cast(Stream, noted), client=False, on_stream=answer)
    session.data_received(header(WINDOW_UPDATE, SYN, 1, 0))
    acknowledged = header(WINDOW_UPDATE, ACK, 1, 0) + header(DATA, 0, 1, 5) + b"short"
    assert writes == [acknowledged + header(DATA, 0, 1, 2000) + bytes(2000)]
    answers[:] = [b"x"] * 100
    session.data_received(header(WINDOW_UPDATE, SYN, 3, 0))
    assert len(writes) == 3, "a limited number waits"
    session.data_received(header(PING, SYN, 0, 7) + header(WINDOW_UPDATE, SYN, 3, 0))
    pong, gone = header(PING, ACK, 0, 7), header(GO_AWAY, 0, 0, PROTOCOL_ERROR)
    assert writes[3:] == [pong + gone], "sent before a protocol error closes the carrier"
    other.abort()

"""Streams that wait for the peer's acknowledgement: how many, how long, and who is called."""

from __future__ import annotations

from typing import cast

from aiofrp.stream.mux.stream import MuxStream, StreamSession
from aiofrp.stream.mux.unacknowledged import Unacknowledged
from aiofrp.wire.yamux import ACK, DATA, SYN, WINDOW_UPDATE
from tests.stream.yamuxrig import Make
from tests.support.ends import until


class Session:
    """As much of a session as is asked for here."""

    def send(self, kind: int, flags: int, stream_id: int, length: int) -> None:
        pass


class Opening:
    """Streams that are opened, the SYN frames sent, and the calls made."""

    def __init__(self, most: int) -> None:
        self.now = 0.0
        self.sent: list[int] = []
        self.called: list[int] = []
        self.streams: dict[int, MuxStream] = {}
        self.waiting = Unacknowledged(most, lambda stream: self.sent.append(stream.id), lambda: self.now)

    def open(self, stream_id: int) -> None:
        self.streams[stream_id] = stream = MuxStream(cast("StreamSession", Session()), stream_id, opened=True)
        self.waiting.add(stream, lambda: self.called.append(stream_id))


def test_those_beyond_the_limit_are_opened_when_others_are_acknowledged() -> None:
    opening = Opening(2)
    for stream_id in (2, 4, 6, 8):
        opening.open(stream_id)
    assert opening.sent == [2, 4]
    opening.waiting.acknowledge(9)  # names none of them
    opening.waiting.acknowledge(4)
    assert (opening.sent, opening.called) == ([2, 4, 6], [4])
    opening.waiting.acknowledge(4)
    opening.waiting.acknowledge(2)
    assert (opening.sent, opening.called) == ([2, 4, 6, 8], [4, 2])


def test_one_that_ended_before_its_turn_is_not_opened() -> None:
    opening = Opening(1)
    for stream_id in (2, 4, 6):
        opening.open(stream_id)
    opening.streams[4].dead = True
    opening.waiting.acknowledge(2)
    assert (opening.sent, opening.called) == ([2, 6], [2, 4])


def test_the_oldest_that_is_still_wanted_decides_what_is_overdue() -> None:
    opening = Opening(8)
    opening.open(2)
    opening.now = 5.0
    opening.open(4)
    assert not opening.waiting.overdue(-1.0)
    assert opening.waiting.overdue(0.0)
    opening.streams[2].write_eof()
    assert not opening.waiting.overdue(4.0)
    assert opening.waiting.overdue(5.0)


def test_after_the_end_of_the_session_nobody_is_called() -> None:
    opening = Opening(1)
    opening.open(2)
    opening.open(4)
    opening.waiting.clear()
    opening.waiting.acknowledge(2)
    assert (opening.sent, opening.called) == ([2], [])


async def test_a_stream_and_its_first_bytes_leave_in_one_write_and_its_answer_is_noted(rig: Make) -> None:
    r = rig(client=False)
    called: list[str] = []
    r.session.open_with(b"first", lambda: called.append("now"), lambda stream: stream.write(b"second"))
    await until(lambda: len(r.peer.heads) == 3)
    assert r.peer.heads == [(WINDOW_UPDATE, SYN, 2, 0), (DATA, 0, 2, 5), (DATA, 0, 2, 6)]
    assert not called
    r.peer.send(WINDOW_UPDATE, ACK, 2, 0)
    await until(lambda: called == ["now"])

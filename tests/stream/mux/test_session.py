"""yamux streams: opening, accepting, ending (docs/protocol/wire.md §3)."""

from __future__ import annotations

import pytest

from aiofrp.errors import Closed
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.wire.yamux import ACK, DATA, FIN, PING, RST, SYN, WINDOW_UPDATE, header
from tests.stream.yamuxpeer import Head
from tests.stream.yamuxrig import INITIAL, OPEN_CREDIT, Make, refused
from tests.support.ends import settle, until

# Opening and accepting


async def test_opening_sends_syn_and_data_at_once(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.write(b"hello")
    r.open()
    await until(lambda: len(r.peer.heads) == 3)
    assert r.peer.heads == [
        (WINDOW_UPDATE, SYN, 1, 0),
        (DATA, 0, 1, 5),
        (WINDOW_UPDATE, SYN, 3, 0),
    ]


async def test_a_server_session_opens_even_numbers(rig: Make) -> None:
    r = rig(client=False)
    r.open()
    r.open()
    await until(lambda: len(r.peer.heads) == 2)
    assert [head[2] for head in r.peer.heads] == [2, 4]


async def test_accepting_answers_ack_and_gives_no_credit_yet(rig: Make) -> None:
    r = rig(client=False)
    r.peer.send(WINDOW_UPDATE, SYN, 1, OPEN_CREDIT)
    r.peer.send(DATA, 0, 1, payload=b"hello")
    await until(lambda: 1 in r.users and r.users[1].data)
    assert r.peer.heads == [(WINDOW_UPDATE, ACK, 1, 0)]
    assert r.users[1].data == b"hello"


async def test_syn_and_ack_may_ride_on_data(rig: Make) -> None:
    r = rig(client=False)
    r.peer.send(DATA, SYN, 1, payload=b"early")
    await until(lambda: 1 in r.users and r.users[1].data == b"early")
    end = r.open()
    r.peer.send(DATA, ACK, 2, payload=b"answer")
    await until(lambda: end.data == b"answer")


async def test_data_before_anyone_attaches_is_kept(rig: Make) -> None:
    r = rig()
    stream = r.session.open()
    r.peer.send(WINDOW_UPDATE, ACK, 1, OPEN_CREDIT)
    r.peer.send(DATA, 0, 1, payload=b"early")
    r.peer.send(WINDOW_UPDATE, FIN, 1)
    await until(lambda: r.session.buffered == 5)
    end = r.use(stream)
    await until(lambda: end.eofs)
    assert end.data == b"early"
    assert r.session.buffered == 0


async def test_a_session_that_expects_no_streams_refuses_them(rig: Make) -> None:
    r = rig(accepts=False)
    r.peer.send(WINDOW_UPDATE, SYN, 2, OPEN_CREDIT)
    r.peer.send(DATA, 0, 2, payload=b"dropped")
    r.peer.send(PING, SYN, 0, 7)
    await until(lambda: len(r.peer.heads) == 2)
    assert r.peer.heads == [(WINDOW_UPDATE, RST, 2, 0), (PING, ACK, 0, 7)]
    assert r.session.stream_count == 0


async def test_more_streams_than_allowed_are_refused(rig: Make) -> None:
    r = rig(MuxLimits(keepalive_interval=0, max_streams=2), client=False)
    for stream_id in (1, 3, 5):
        r.peer.send(WINDOW_UPDATE, SYN, stream_id)
    await until(lambda: len(r.peer.heads) == 3)
    assert [head[1] for head in r.peer.heads] == [ACK, ACK, RST]
    r.peer.send(WINDOW_UPDATE, RST, 1)
    r.peer.send(WINDOW_UPDATE, SYN, 7)
    await until(lambda: len(r.peer.heads) == 4)
    assert r.peer.heads[3][1] == ACK


@pytest.mark.parametrize("stream_id", [2, 0])
async def test_a_number_that_is_not_the_peers_ends_the_session(rig: Make, stream_id: int) -> None:
    r = rig(client=False)
    r.peer.send(WINDOW_UPDATE, SYN, stream_id)
    await refused(r, f"SYN for stream {stream_id}")


async def test_a_second_syn_ends_the_session(rig: Make) -> None:
    r = rig(client=False)
    r.peer.send(WINDOW_UPDATE, SYN, 1)
    r.peer.send(WINDOW_UPDATE, SYN, 1)
    await refused(r, "SYN for stream 1")


async def test_opens_beyond_the_unacknowledged_limit_wait(rig: Make) -> None:
    r = rig()
    ends = [r.open() for _ in range(260)]
    for end in ends:
        end.write(b"x")
    ends[258].write_eof()
    ends[259].abort()
    await settle(lambda: len(r.peer.heads))
    assert len(r.peer.sent(WINDOW_UPDATE)) == 256
    assert not r.peer.payloads.keys() - set(range(1, 512, 2))
    for stream_id in (1, 3, 5, 7):
        r.peer.send(WINDOW_UPDATE, ACK, stream_id, OPEN_CREDIT)
    await until(lambda: len(r.peer.payloads) == 259)
    await settle(lambda: len(r.peer.heads))
    assert [head for head in r.peer.heads if head[2] == 517] == [
        (WINDOW_UPDATE, SYN, 517, 0),
        (DATA, 0, 517, 1),
        (WINDOW_UPDATE, FIN, 517, 0),
    ]
    assert not [head for head in r.peer.heads if head[2] == 519], "an aborted stream was opened"


async def test_a_reset_makes_room_for_a_waiting_open(rig: Make) -> None:
    r = rig(MuxLimits(keepalive_interval=0, max_unacknowledged=1))
    r.open()
    r.open()
    r.peer.send(WINDOW_UPDATE, RST, 1)
    await until(lambda: (WINDOW_UPDATE, SYN, 3, 0) in r.peer.heads)


async def test_an_accept_without_ack_counts(rig: Make) -> None:
    """A peer that saw our FIN before it accepted leaves the flag out."""
    r = rig(MuxLimits(keepalive_interval=0, max_unacknowledged=1))
    r.open().write_eof()
    r.open()
    r.peer.send(WINDOW_UPDATE, 0, 1, OPEN_CREDIT)
    await until(lambda: (WINDOW_UPDATE, SYN, 3, 0) in r.peer.heads)


# Ending streams


async def test_a_stream_is_gone_when_both_fins_passed(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.write(b"request")
    end.write_eof()
    await until(lambda: len(r.peer.heads) == 3)
    assert r.peer.heads[2] == (WINDOW_UPDATE, FIN, 1, 0)
    r.peer.send(DATA, 0, 1, payload=b"answer")
    r.peer.send(WINDOW_UPDATE, FIN, 1)
    await until(lambda: end.lost)
    assert end.error is None
    assert end.data == b"answer"
    assert r.session.stream_count == 0


async def test_a_fin_on_a_long_data_frame_comes_after_its_data(rig: Make) -> None:
    r = rig()
    end = r.open()
    frame = header(DATA, ACK | FIN, 1, 50_000) + bytes(50_000)
    for start in range(0, len(frame), 7000):
        r.peer.write(frame[start : start + 7000])
    await until(lambda: end.eofs)
    assert len(end.data) == 50_000


async def test_a_reset_is_an_error(rig: Make) -> None:
    r = rig()
    end = r.open()
    r.peer.send(WINDOW_UPDATE, RST, 1)
    r.peer.send(DATA, 0, 1, payload=b"late")
    r.peer.send(PING, SYN, 0, 1)
    await until(lambda: end.lost)
    assert isinstance(end.error, Closed)
    assert not end.data
    end.write(b"dropped")
    await until(lambda: (PING, ACK, 0, 1) in r.peer.heads)
    assert r.session.stream_count == 0
    assert not r.session.lost
    assert not r.peer.sent(DATA)


async def test_an_abort_resets(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.abort()
    await until(lambda: end.lost)
    await until(lambda: r.peer.heads[-1:] == [(WINDOW_UPDATE, RST, 1, 0)])
    assert r.session.stream_count == 0


async def test_a_second_fin_ends_the_session(rig: Make) -> None:
    r = rig()
    r.open()
    r.peer.send(WINDOW_UPDATE, ACK | FIN, 1)
    r.peer.send(WINDOW_UPDATE, FIN, 1)
    await refused(r, "second FIN")


async def test_data_after_fin_is_dropped(rig: Make) -> None:
    """Go's peer may send it when one goroutine closes while another writes; other streams must not suffer."""
    r = rig()
    end = r.open()
    other = r.open()
    r.peer.send(WINDOW_UPDATE, ACK | FIN, 1)
    r.peer.send(DATA, 0, 1, payload=b"late")
    r.peer.send(DATA, 0, 3, payload=b"alive")
    await until(lambda: other.data == b"alive")
    assert end.eofs == 1
    assert not end.data


async def test_frames_for_unknown_streams_are_dropped(rig: Make) -> None:
    r = rig()
    end = r.open()
    r.peer.send(DATA, 0, 99, payload=bytes(300_000))
    r.peer.send(DATA, FIN, 99, payload=b"x")
    r.peer.send(WINDOW_UPDATE, 0, 99, 5)
    r.peer.send(WINDOW_UPDATE, RST, 99)
    r.peer.send(DATA, 0, 1, payload=b"alive")
    await until(lambda: end.data == b"alive")
    assert not r.session.lost


async def test_a_closed_stream_waits_for_the_peers_fin(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.close()
    await until(lambda: end.lost)
    r.peer.send(DATA, 0, 1, payload=bytes(1000))
    r.peer.send(PING, SYN, 0, 1)
    await until(lambda: (PING, ACK, 0, 1) in r.peer.heads)
    assert r.session.stream_count == 1
    assert not end.data
    r.peer.send(WINDOW_UPDATE, FIN, 1)
    await until(lambda: r.session.stream_count == 0)


async def test_a_peer_that_keeps_sending_to_a_closed_stream_is_told_to_stop(rig: Make) -> None:
    """A little late data is no reason: a reset would cost a Go peer what it has not read yet."""
    r = rig()
    end = r.open()
    r.peer.send(DATA, ACK, 1, payload=bytes(INITIAL // 2))
    await until(lambda: r.peer.credit(1) == INITIAL // 2)
    end.close()
    for _ in range(2):
        r.peer.send(DATA, 0, 1, payload=bytes(65_536))
    r.peer.send(PING, SYN, 0, 1)
    await until(lambda: r.peer.sent(PING))
    assert (WINDOW_UPDATE, RST, 1, 0) not in r.peer.heads
    r.peer.send(DATA, 0, 1, payload=b"x")
    await until(lambda: (WINDOW_UPDATE, RST, 1, 0) in r.peer.heads)
    assert r.session.stream_count == 0


async def test_a_closed_stream_whose_peer_never_finishes_is_reset(rig: Make) -> None:
    r = rig(MuxLimits(keepalive_interval=0, close_timeout=0.02))
    end = r.open()
    r.peer.send(WINDOW_UPDATE, ACK, 1)
    end.close()
    await until(lambda: r.peer.heads[-1:] == [(WINDOW_UPDATE, RST, 1, 0)])
    assert r.session.stream_count == 0
    assert end.error is None


async def test_a_close_that_cannot_be_sent_is_reset_in_the_end(rig: Make) -> None:
    r = rig(MuxLimits(keepalive_interval=0, close_timeout=0.02))
    end = r.open()
    r.peer.send(WINDOW_UPDATE, ACK, 1)
    end.write(bytes(INITIAL + 1))
    await until(lambda: len(r.peer.payloads.get(1, b"")) == INITIAL)
    end.close()
    await until(lambda: end.lost)
    await until(lambda: r.peer.heads[-1:] == [(WINDOW_UPDATE, RST, 1, 0)])
    assert len(r.peer.payloads[1]) == INITIAL


# A conversation as two Go peers had it (tests/vectors/wire/yamux_frames.json)

#: What the recorded client sends in its first two streams, and the server's answers.
CLIENT = [
    (WINDOW_UPDATE, SYN, 1, OPEN_CREDIT),
    (DATA, 0, 1, 5),
    (WINDOW_UPDATE, FIN, 1, 0),
    (WINDOW_UPDATE, SYN, 3, OPEN_CREDIT),
    (WINDOW_UPDATE, FIN, 3, 0),
]
SERVER = [
    (WINDOW_UPDATE, ACK, 1, OPEN_CREDIT),
    (DATA, 0, 1, 3),
    (DATA, 0, 1, 4),
    (WINDOW_UPDATE, FIN, 1, 0),
    (WINDOW_UPDATE, 0, 3, OPEN_CREDIT),  # ours says ACK here: it accepts before it reads the FIN
    (WINDOW_UPDATE, FIN, 3, 0),
]


def modest(head: Head) -> Head:
    """What ours says there: it gives credit when receivers have taken bytes, and none for opening."""
    kind, flags, stream_id, length = head
    return kind, flags, stream_id, 0 if length == OPEN_CREDIT else length


async def test_as_client_in_the_recorded_conversation(rig: Make) -> None:
    r = rig()
    first = r.open()
    first.write(b"hello")
    r.peer.send(*SERVER[0])
    r.peer.send(*SERVER[1], payload=b"abc")
    await until(lambda: len(first.data) == 3)
    first.write_eof()
    r.peer.send(*SERVER[2], payload=b"late")
    r.peer.send(*SERVER[3])
    await until(lambda: first.lost)
    assert first.error is None
    assert first.data == b"abclate"
    second = r.open()
    second.close()
    r.peer.send(*SERVER[4])
    r.peer.send(*SERVER[5])
    await until(lambda: second.lost and r.session.stream_count == 0)
    assert r.peer.heads == [modest(head) for head in CLIENT]


async def test_as_server_in_the_recorded_conversation(rig: Make) -> None:
    r = rig(client=False)
    r.peer.send(*CLIENT[0])
    r.peer.send(*CLIENT[1], payload=b"hello")
    await until(lambda: 1 in r.users and r.users[1].data == b"hello")
    first = r.users[1]
    first.write(b"abc")
    r.peer.send(*CLIENT[2])
    await until(lambda: first.eofs)
    first.write(b"late")
    first.write_eof()
    await until(lambda: first.lost)
    r.peer.send(*CLIENT[3])
    r.peer.send(*CLIENT[4])
    await until(lambda: 3 in r.users and r.users[3].eofs)
    r.users[3].close()
    await until(lambda: len(r.peer.heads) == len(SERVER))
    ours = [(WINDOW_UPDATE, ACK, 3, OPEN_CREDIT) if head == SERVER[4] else head for head in SERVER]
    assert r.peer.heads == [modest(head) for head in ours]
    assert r.session.stream_count == 0

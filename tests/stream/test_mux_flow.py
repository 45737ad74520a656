"""yamux streams: windows, and how they share the carrier (docs/protocol/wire.md §3)."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.stream.stall import StallLimits
from aiofrp.wire.yamux import ACK, DATA, FIN, PING, RST, SYN, WINDOW_UPDATE, header
from tests.stream.yamuxrig import INITIAL, OPEN_CREDIT, WINDOW, Make, refused
from tests.support.ends import PATIENCE, settle, until

# Windows


async def test_sending_stops_at_the_window(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.write(bytes(1_000_000))
    await until(lambda: len(r.peer.payloads.get(1, b"")) == INITIAL)
    await settle(lambda: len(r.peer.payloads[1]))
    assert len(r.peer.payloads[1]) == INITIAL
    assert end.writing_paused
    r.peer.send(WINDOW_UPDATE, ACK, 1, 10)
    await until(lambda: len(r.peer.payloads[1]) == INITIAL + 10)
    r.peer.send(WINDOW_UPDATE, 0, 1, OPEN_CREDIT)
    await until(lambda: len(r.peer.payloads[1]) == 1_000_000)
    assert not end.writing_paused
    assert max(head[3] for head in r.peer.sent(DATA)) <= 65_536


async def test_fin_waits_behind_data_without_window(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.write(bytes(INITIAL))
    end.write(b"rest")
    end.write_eof()
    await until(lambda: len(r.peer.payloads.get(1, b"")) == INITIAL)
    await settle(lambda: len(r.peer.heads))
    assert r.peer.heads[-1][0] == DATA
    r.peer.send(WINDOW_UPDATE, ACK, 1, 100)
    await until(lambda: r.peer.heads[-1:] == [(WINDOW_UPDATE, FIN, 1, 0)])
    assert r.peer.payloads[1][INITIAL:] == b"rest"


async def test_credit_is_given_for_what_was_taken_only(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.pause()
    for _ in range(4):
        r.peer.send(DATA, ACK, 1, payload=bytes(65_536))
    await until(lambda: r.session.buffered == INITIAL)
    await settle(lambda: len(r.peer.heads))
    assert r.peer.credit(1) == 0
    end.resume()
    await until(lambda: len(end.data) == INITIAL)
    await until(lambda: r.peer.credit(1) == INITIAL)
    assert r.session.buffered == 0


async def test_the_window_grows_with_what_was_taken(rig: Make) -> None:
    """To as much, and not beyond the reference's."""
    r = rig()
    end = r.open()
    windows: list[int] = []
    for _ in range(12 * 1024 * 1024 // 65_536):
        r.peer.send(DATA, 0, 1, payload=bytes(65_536))
        sent = len(end.data) + 65_536
        await until(lambda sent=sent: len(end.data) == sent)  # type: ignore[misc]
        await settle(lambda: len(r.peer.heads))
        window = INITIAL + r.peer.credit(1) - sent
        windows.append(window)
        assert window <= max(INITIAL, sent)
    assert WINDOW * 0.45 <= windows[-1] <= WINDOW
    assert r.session.receivers.credit == WINDOW - INITIAL
    end.stream.abort()
    assert r.session.receivers.credit == 0


async def test_bytes_put_back_are_credited_once(rig: Make) -> None:
    r = rig()
    end = r.open()
    sent = 0
    for _ in range(3):
        r.peer.send(DATA, ACK, 1, payload=bytes(100_000))
        sent += 100_000
        await until(lambda: len(end.data) == 100_000)
        end.stream.detach()
        end.stream.unread(bytes(end.data))
        assert r.session.buffered == len(end.data)
        end.data.clear()
        end.attach()
        await until(lambda: len(end.data) == 100_000)
        end.data.clear()
    await until(lambda: r.peer.credit(1))
    window = INITIAL + r.peer.credit(1) - sent
    assert INITIAL // 2 <= window <= max(INITIAL, sent)
    assert r.session.buffered == 0


async def test_data_beyond_the_window_ends_the_session(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.pause()
    r.peer.send(DATA, ACK, 1, payload=bytes(INITIAL))
    await until(lambda: r.session.buffered == INITIAL)
    assert not r.session.lost
    r.peer.send(DATA, 0, 1, payload=b"x")
    await refused(r, "beyond its window")
    assert r.session.buffered == 0


async def test_the_announcement_of_too_much_data_is_enough(rig: Make) -> None:
    r = rig()
    r.open()
    r.peer.write(header(DATA, ACK, 1, INITIAL + 1))
    await refused(r, "beyond its window")


async def test_a_window_that_overflows_ends_the_session(rig: Make) -> None:
    r = rig()
    r.open()
    r.peer.send(WINDOW_UPDATE, ACK, 1, 0xFFFFFFFF)
    await refused(r, "overflows")


async def test_what_is_no_yamux_ends_the_session_and_is_not_answered(rig: Make) -> None:
    r = rig(client=False)
    r.peer.write(b"GET / HTTP/1.1\r\n\r\n")
    await until(lambda: r.losses)
    assert isinstance(r.losses[0], RemoteProtocolError)
    assert str(r.losses[0]).endswith(": the peer speaks no yamux")
    await until(lambda: r.peer.eofs)
    assert not r.peer.heads


async def test_a_violation_ends_the_session_in_the_middle_of_a_chunk(rig: Make) -> None:
    """What follows in the same chunk reaches nobody."""
    r = rig()
    end = r.open()
    bad = header(WINDOW_UPDATE, FIN, 1, 0) * 2
    r.peer.write(
        bad + header(DATA, 0, 1, 1) + b"x" + header(PING, SYN, 0, 5) + header(WINDOW_UPDATE, SYN, 2, 0)
    )
    await refused(r, "second FIN")
    assert not end.data
    assert list(r.users) == [1]


# Sharing the carrier


async def test_what_one_chunk_brings_is_delivered_at_once(rig: Make) -> None:
    """Each delivery is a system call towards the user or service; the frames of a bulk transfer are many."""
    r = rig()
    first, second = r.open(), r.open()
    data = bytes(range(256)) * 64
    frames = [header(DATA, 0, 1, len(data)) + data] * 5 + [header(DATA, 0, 3, 2) + b"hi"]
    r.session.data_received(b"".join([*frames, header(WINDOW_UPDATE, FIN, 1, 0)]))
    assert first.eofs == 1
    assert (first.chunks, second.chunks) == (1, 1)
    assert first.data == data * 5
    assert second.data == b"hi"


async def test_a_small_message_leaves_in_one_piece(rig: Make) -> None:
    """Header and payload together, so that TCP sends one segment."""
    r = rig()
    end = r.open()
    await until(lambda: r.peer.heads)
    before = r.peer.chunks
    end.write(b"x" * 64)
    await until(lambda: r.peer.sent(DATA))
    assert r.peer.chunks == before + 1


@pytest.mark.parametrize("bulky", [1, 8])
async def test_a_small_message_overtakes_bulk(rig: Make, bulky: int) -> None:
    """The peer takes nothing for a while; of what then comes, each bulk stream has one turn before the message."""
    r = rig()
    bulk = [r.open() for _ in range(bulky)]
    small = r.open()
    await settle(lambda: len(r.peer.heads))
    r.peer.pause()
    for end in bulk:
        r.peer.send(WINDOW_UPDATE, ACK, end.stream.id, OPEN_CREDIT)  # type: ignore[attr-defined]
        end.write(bytes(2_000_000))
    small.write(b"ping" * 16)
    small_id = small.stream.id  # type: ignore[attr-defined]
    await settle(lambda: None)
    r.peer.resume()
    await until(lambda: small_id in r.peer.payloads)
    before = next(sizes for sizes in r.peer.progress() if small_id in sizes)
    ahead = sum(size for stream_id, size in before.items() if stream_id != small_id)
    assert ahead <= 3 * 65_536 + bulky * 65_536


async def test_bulk_streams_share_evenly(rig: Make) -> None:
    r = rig()
    ends = [r.open() for _ in range(4)]
    await settle(lambda: len(r.peer.heads))
    r.peer.pause()
    for end in ends:
        r.peer.send(WINDOW_UPDATE, ACK, end.stream.id, OPEN_CREDIT)  # type: ignore[attr-defined]
        end.write(bytes(1_000_000))
    await settle(lambda: None)
    r.peer.resume()
    await until(lambda: sum(map(len, r.peer.payloads.values())) == 4_000_000)
    sizes = [[so_far.get(number, 0) for number in r.peer.payloads] for so_far in r.peer.progress()]
    on_the_way = [each for each in sizes if 1_000_000 < sum(each) < 3_000_000]
    assert max(max(each) - min(each) for each in on_the_way) <= 4 * 65_536


async def test_a_writer_that_writes_on_resume_has_one_turn_at_a_time(rig: Make) -> None:
    """A writer refilling its queue from ``resume_writing`` must not get extra turns."""
    r = rig()
    eager, other = r.open(), r.open()
    await settle(lambda: len(r.peer.heads))
    r.peer.pause()
    refill = eager.resume_writing

    def resume_writing() -> None:
        refill()
        if len(r.peer.payloads.get(1, b"")) < 3_000_000:
            eager.stream.write(bytes(200_000))

    eager.resume_writing = resume_writing  # type: ignore[method-assign]
    for end in (eager, other):
        r.peer.send(WINDOW_UPDATE, ACK, end.stream.id, OPEN_CREDIT)  # type: ignore[attr-defined]
    eager.write(bytes(200_000))
    other.write(bytes(2_000_000))
    await settle(lambda: None)
    r.peer.resume()
    await until(lambda: len(r.peer.payloads.get(3, b"")) == 2_000_000)
    at_the_end = next(sizes for sizes in r.peer.progress() if sizes.get(3) == 2_000_000)
    assert at_the_end[1] <= 2_000_000 + 6 * 65_536


async def test_a_paused_stream_does_not_hold_up_its_neighbour(rig: Make) -> None:
    r = rig()
    stuck, free = r.open(), r.open()
    stuck.pause()
    for _ in range(4):
        r.peer.send(DATA, ACK, 1, payload=bytes(65_536))
    for turn in range(20):
        r.peer.send(DATA, ACK, 3, payload=bytes(65_536))
        await until(lambda turn=turn: len(free.data) == (turn + 1) * 65_536)  # type: ignore[misc]
    assert not stuck.data
    assert r.session.buffered == 4 * 65_536


async def test_the_session_holds_a_limited_amount(rig: Make) -> None:
    """Who held longest is ended, and not whose bytes came last."""
    r = rig(MuxLimits(keepalive_interval=0, receivers=StallLimits(mark=50_000, most=110_000, stall=3600)))
    first, second = r.open(), r.open()
    first.pause()
    second.pause()
    r.peer.send(DATA, ACK, 1, payload=bytes(60_000))
    await until(lambda: r.session.buffered == 60_000)
    r.peer.send(DATA, ACK, 3, payload=bytes(60_000))
    await until(lambda: first.lost)
    assert "nothing was taken" in str(first.error)
    await until(lambda: (WINDOW_UPDATE, RST, 1, 0) in r.peer.heads)
    assert r.session.buffered == 60_000
    second.resume()
    await until(lambda: len(second.data) == 60_000)
    assert r.session.buffered == 0


async def test_a_stream_both_ends_finished_may_be_ended_too(rig: Make) -> None:
    r = rig(MuxLimits(keepalive_interval=0, receivers=StallLimits(mark=1, most=10_000, stall=3600)))
    end = r.open()
    end.pause()
    end.write_eof()
    r.peer.send(DATA, ACK | FIN, 1, payload=bytes(20_000))
    await until(lambda: end.lost)
    assert isinstance(end.error, Closed)
    assert r.session.buffered == 0


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_ending_a_stream_in_the_middle_of_held_data(rig: Make, how: str) -> None:
    r = rig()
    end = r.open()
    end.pause()
    for _ in range(5):
        r.peer.send(DATA, ACK, 1, payload=bytes(20_000))
    await until(lambda: r.session.buffered == 100_000)
    end.on_data = lambda data: getattr(end.stream, how)()
    end.resume()
    await until(lambda: end.lost)
    assert end.chunks == 1
    assert r.session.buffered == 0


async def test_many_tiny_frames_for_a_paused_stream_cost_little(rig: Make) -> None:
    r = rig()
    end = r.open()
    end.pause()
    r.peer.write((header(DATA, 0, 1, 1) + b"x") * 20_000)
    await until(lambda: r.session.buffered == 20_000)
    end.resume()
    await until(lambda: len(end.data) == 20_000)
    assert end.chunks <= 10


async def test_a_peer_that_asks_and_never_reads_is_dropped(rig: Make) -> None:
    r = rig()
    r.open()
    await until(lambda: r.peer.heads)
    r.peer.pause()
    pings = header(PING, SYN, 0, 1) * 5000
    async with asyncio.timeout(PATIENCE):
        while not r.session.lost:
            r.peer.write(pings)
            await asyncio.sleep(0)
    assert isinstance(r.losses[0], Closed)

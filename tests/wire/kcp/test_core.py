"""The KCP core, segment by segment."""

from __future__ import annotations

import random
import struct

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.kcp.core import DEAD_AFTER, IDLE, KcpCore
from aiofrp.wire.kcp.pace import MIN_WINDOW
from aiofrp.wire.kcp.segment import ACK, FIN, MSS, MTU, OVERHEAD, PUSH, WASK, WINS, reset_segment
from tests.wire.kcplink import segment


def parts(packet: bytes) -> list[dict[str, object]]:
    """What is in a packet."""
    found = []
    while packet:
        conv, command, _, window, stamp, sn, una, length = struct.unpack_from("<IBBHIIII", packet)
        found.append(
            {
                "conv": conv,
                "command": command,
                "window": window,
                "stamp": stamp,
                "sn": sn,
                "una": una,
                "data": packet[24 : 24 + length],
            }
        )
        packet = packet[24 + length :]
    return found


def sent(core: KcpCore, now: int) -> list[dict[str, object]]:
    return [part for packet in core.data_to_send(now) for part in parts(packet)]


def commands(core: KcpCore, now: int) -> list[object]:
    return [part["command"] for part in sent(core, now)]


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


# Segments


def test_data_leaves_at_once_as_a_segment() -> None:
    core = KcpCore(0x01020304, 0, clock=10)
    core.send(b"hello")
    packet = "04030201510000040f00000000000000000000000500000068656c6c6f"
    assert core.data_to_send(5) == [bytes.fromhex(packet)]
    assert core.data_to_send(5) == []
    assert core.queued == 0


def test_writes_are_one_stream_cut_into_full_segments() -> None:
    core = KcpCore(7, 0)
    data = noise(3 * MSS + 100)
    for start in range(0, len(data), 37):
        core.send(memoryview(data)[start : start + 37])
    packets = core.data_to_send(0)
    assert [len(packet) for packet in packets] == [MTU, MTU, MTU, 100 + OVERHEAD]
    assert b"".join(packet[OVERHEAD:] for packet in packets) == data


def test_small_segments_share_a_packet() -> None:
    core = KcpCore(7, 0)
    core.receive_data(segment(PUSH, sn=0, data=b"x") + segment(PUSH, sn=1, data=b"y"), 0)
    core.send(b"answer")
    (packet,) = core.data_to_send(0)
    assert [part["command"] for part in parts(packet)] == [ACK, PUSH]


def test_in_order_data_is_acknowledged_once_for_all() -> None:
    core = KcpCore(7, 0)
    core.receive_data(b"".join(segment(PUSH, sn=sn, stamp=90 + sn, data=b"ab") for sn in range(5)), 0)
    assert core.take() == b"ab" * 5
    assert core.take() == b""
    (ack,) = sent(core, 0)
    assert (ack["command"], ack["sn"], ack["stamp"], ack["una"]) == (ACK, 4, 94, 5)


def test_early_data_waits_and_is_acknowledged_one_by_one() -> None:
    core = KcpCore(7, 0)
    core.receive_data(segment(PUSH, sn=2, data=b"c") + segment(PUSH, sn=1, data=b"b"), 0)
    assert core.take() == b""
    assert [(ack["sn"], ack["una"]) for ack in sent(core, 0)] == [(2, 0), (1, 0)]
    core.receive_data(segment(PUSH, sn=0, data=b"a"), 0)
    assert core.take() == b"abc"
    assert [(ack["sn"], ack["una"]) for ack in sent(core, 0)] == [(0, 3)]


def test_repeated_data_is_acknowledged_again_and_not_delivered() -> None:
    core = KcpCore(7, 0)
    for _ in range(2):
        core.receive_data(segment(PUSH, sn=0, data=b"a"), 0)
    assert core.take() == b"a"
    sent(core, 0)
    core.receive_data(segment(PUSH, sn=0, stamp=77, data=b"a"), 0)
    assert core.take() == b""
    assert [(ack["sn"], ack["stamp"], ack["una"]) for ack in sent(core, 0)] == [(0, 77, 1)]


def test_data_beyond_the_window_is_ignored() -> None:
    core = KcpCore(7, 0, receive_window=8)
    core.receive_data(segment(PUSH, sn=8, data=b"a") + segment(PUSH, sn=0x80000000, data=b"b"), 0)
    assert [ack["sn"] for ack in sent(core, 0)] == [0x80000000]  # which is old: half the numbers are behind
    assert not core._receiver._early


@pytest.mark.parametrize(
    "packet",
    [
        segment(PUSH, conv=8, data=b"a"),
        segment(80),
        segment(87),
        segment(PUSH, data=b"abc")[:-1],
        struct.pack("<IBBHIIII", 7, PUSH, 0, 1, 0, 0, 0, 0xFFFFFFFF),
    ],
    ids=["conversation", "below commands", "above commands", "cut", "long"],
)
def test_a_bad_segment_ends_a_packet(packet: bytes) -> None:
    core = KcpCore(7, 0)
    with pytest.raises(RemoteProtocolError):
        core.receive_data(segment(PUSH, data=b"before") + packet, 0)
    assert core.take() == b"before"


def test_bytes_too_few_for_a_segment_are_ignored() -> None:
    core = KcpCore(7, 0)
    core.receive_data(segment(PUSH, data=b"a") + bytes(23), 0)
    assert core.take() == b"a"


# Retransmission


def test_what_is_not_acknowledged_is_sent_again_later_and_later() -> None:
    core = KcpCore(7, 0)
    core._proof, core.proven = None, True  # the peer has shown its address
    core.send(b"a")
    sent(core, 0)
    times: list[int] = []
    now = 0
    while len(times) < 5:
        now = core.next_timeout(now)
        if sent(core, now):
            times.append(now)
    assert times == [200, 500, 900, 1400, 2000]  # half the time-out more each time


def test_to_an_unproven_address_little_is_repeated() -> None:
    core = KcpCore(7, 0)
    core.send(b"a")
    sent(core, 0)
    times: list[int] = []
    now = 0
    while now < DEAD_AFTER:
        now = core.next_timeout(now)
        if sent(core, now):
            times.append(now)
    assert times == [200, 600, 1400, 3000, 6200, 12600]


def test_an_overtaken_segment_is_sent_again_at_once() -> None:
    core = KcpCore(7, 0)
    core.send(noise(5 * MSS))
    sent(core, 0)
    core.receive_data(segment(ACK, sn=1), 10)
    core.send(b"new")
    assert [part["sn"] for part in sent(core, 10)] == [5]
    core.receive_data(segment(ACK, sn=3), 11)
    core.send(b"new")
    assert [part["sn"] for part in sent(core, 11)] == [0, 6]  # 2 was overtaken once only
    core.receive_data(segment(ACK, sn=4), 11)
    assert [part["sn"] for part in sent(core, 11)] == [2]  # twice, and by one sent before 0 was repeated


def test_with_nothing_new_to_send_one_overtaking_is_enough() -> None:
    core = KcpCore(7, 0)
    core.send(noise(3 * MSS))
    sent(core, 0)
    core.receive_data(segment(ACK, sn=1), 10)
    assert [part["sn"] for part in sent(core, 10)] == [0]


def test_una_acknowledges_everything_below() -> None:
    core = KcpCore(7, 0)
    core.send(noise(5 * MSS))
    sent(core, 0)
    core.receive_data(segment(WINS, una=3), 10)
    assert sorted(core._flight.segments) == [3, 4]
    core.receive_data(segment(WINS, una=9), 10)  # more than was sent
    core.receive_data(segment(WINS, una=2), 10)  # less than before
    assert sorted(core._flight.segments) == [3, 4]


@pytest.mark.parametrize(
    ("round_trips", "rto"), [([0], 30), ([100], 300), ([100] * 40, 120), ([70_000], 60_000)]
)
def test_the_time_out_follows_the_round_trip(round_trips: list[int], rto: int) -> None:
    core, now = KcpCore(7, 0), 0
    for number, round_trip in enumerate(round_trips):
        core.send(b"a")
        sent(core, now)
        now += round_trip
        core.receive_data(segment(ACK, sn=number, una=number + 1, stamp=now - round_trip), now)
    assert core._pace.rto == rto


def test_an_echo_from_the_future_says_nothing() -> None:
    core = KcpCore(7, 0)
    core.send(b"a")
    sent(core, 0)
    core.receive_data(segment(ACK, sn=0, una=1, stamp=1000), 10)
    assert core._pace.rto == 200
    assert not core.proven


def test_only_an_echo_of_the_secret_time_proves_the_address() -> None:
    core = KcpCore(7, 0, clock=12345)
    core.send(b"a")
    core.send(noise(MSS))
    stamps = [part["stamp"] for part in sent(core, 3)]
    assert stamps == [12348, 12348]
    core.receive_data(segment(ACK, sn=0, stamp=12347), 4)
    assert not core.proven
    core.receive_data(segment(ACK, sn=1, stamp=12348), 4)
    assert core.proven


# Windows


def test_a_sender_starts_with_a_small_window_and_keeps_to_the_peers() -> None:
    core = KcpCore(7, 0)
    core.send(noise(400 * MSS))
    assert len(core.data_to_send(0)) == MIN_WINDOW
    core.receive_data(segment(ACK, sn=9, una=10, window=100), 5)
    assert len(core.data_to_send(5)) == 0
    core.receive_data(segment(WINS, una=128, window=100), 6)
    assert len(core.data_to_send(6)) == 100


def test_a_sender_asks_for_the_window_less_and_less_often() -> None:
    core = KcpCore(7, 0)
    core.send(b"a")
    core.receive_data(segment(WINS, window=0), 0)
    assert not sent(core, 0)
    asked: list[int] = []
    now = 0
    while len(asked) < 4:
        now = core.next_timeout(now)
        core._received_at = now  # the peer lives
        if WASK in commands(core, now):
            asked.append(now)
    assert asked == [7000, 17_500, 33_250, 56_875]


def test_the_window_is_told_when_asked() -> None:
    core = KcpCore(7, 0, receive_window=50)
    core.hold(10 * MSS + 1)
    core.receive_data(segment(WASK), 0)
    (answer,) = sent(core, 0)
    assert (answer["command"], answer["window"]) == (WINS, 39)
    assert not sent(core, 1000)


def test_a_peer_that_ignores_the_window_is_cut_off() -> None:
    core = KcpCore(7, 0, receive_window=16)
    total = 0
    for sn in range(100):
        core.receive_data(segment(PUSH, sn=sn, data=bytes(MSS)), 0)
        size = len(core.take())
        total += size
        core.hold(size)
    assert total <= 2 * 16 * MSS
    assert len(core._receiver._early) <= 16


# Ends


def test_an_idle_peer_is_asked_for_a_sign_of_life() -> None:
    core = KcpCore(7, 0)
    core.receive_data(segment(PUSH, sn=0, data=b"a"), 0)
    sent(core, 0)
    assert core.next_timeout(0) == IDLE
    assert commands(core, IDLE) == [WASK]
    assert core.next_timeout(IDLE) == IDLE + 5000
    assert not core.dead(IDLE + DEAD_AFTER - 1)
    assert core.dead(IDLE + DEAD_AFTER)
    core.receive_data(segment(WINS), IDLE + 6000)
    assert not core.dead(IDLE + DEAD_AFTER)
    assert core.silent(IDLE + 6500) == 500


def test_a_peer_that_never_was_heard_is_not_asked() -> None:
    """A reference server would take the question for the begin of a conversation, and wait for its first byte."""
    core = KcpCore(7, 0)
    assert not core.answered
    assert not commands(core, IDLE)
    assert core.next_timeout(IDLE) == IDLE + 5000
    core.receive_data(segment(PUSH, sn=0, data=b"a"), IDLE + 1)
    assert core.answered


def test_a_server_that_took_a_late_word_for_another_conversation_is_freed_of_that() -> None:
    """The reference lets nobody in until the first byte of a conversation is there, for 10 s."""
    core = KcpCore(7, 0)
    core.send(b"a")
    sent(core, 0)
    core.receive_data(segment(ACK, sn=0, una=1), 1)
    core.send(b"b")
    sent(core, 2)
    core.receive_data(segment(ACK, sn=1, una=0), 40)
    (first,) = sent(core, 40)
    assert (first["command"], first["sn"]) == (PUSH, 0)
    assert not sent(core, 41)
    assert not core.reset, "it may have been an old word"


def test_a_server_that_forgot_everything_has_no_conversation_with_us_any_more() -> None:
    core = KcpCore(7, 0)
    core.send(b"a")
    sent(core, 0)
    core.receive_data(segment(ACK, sn=0, una=1), 1)
    assert commands(core, IDLE + 1) == [WASK]
    core.receive_data(segment(WINS, una=0), IDLE + 20)
    assert core.reset
    assert commands(core, IDLE + 20) == [PUSH]


def test_a_peer_of_our_kind_that_knows_no_such_conversation_is_told_nothing_more() -> None:
    core = KcpCore(7, 0)
    core.send(b"a")
    sent(core, 0)
    core.receive_data(segment(ACK, sn=0, una=1), 1)
    core.receive_data(reset_segment(7), 2)
    assert core.reset
    assert not sent(core, 2)


def test_a_peer_that_acknowledges_nothing_is_dead() -> None:
    core = KcpCore(7, 0)
    core.send(b"a")
    sent(core, 1000)
    core.receive_data(segment(WINS), 20_000)
    assert not core.dead(1000 + DEAD_AFTER - 1)
    assert core.dead(1000 + DEAD_AFTER)


def test_an_end_takes_a_number_and_comes_after_all_data() -> None:
    core = KcpCore(7, 0)
    core.send(b"a")
    core.finish()
    assert [(part["command"], part["sn"]) for part in sent(core, 0)] == [(PUSH, 0), (WASK, 0), (FIN, 1)]
    assert not core.finished
    assert not core.delivered
    core.receive_data(segment(ACK, sn=0, una=1), 1)
    assert core.delivered
    assert not core.finished
    core.receive_data(segment(ACK, sn=1, una=2), 1)
    assert core.finished


def test_an_early_end_waits_for_the_data_before() -> None:
    core = KcpCore(7, 0)
    core.receive_data(segment(FIN, sn=1), 0)
    assert not core.eof
    core.receive_data(segment(PUSH, sn=0, data=b"a"), 0)
    assert core.eof
    assert core.take() == b"a"
    core.receive_data(segment(PUSH, sn=2, data=b"late"), 0)
    assert core.take() == b""


@pytest.mark.parametrize(("knows", "times"), [(False, 6), (True, 21)])
def test_a_peer_is_not_told_of_the_end_for_ever(knows: bool, times: int) -> None:
    """Least often one that may not know what an end is."""
    core = KcpCore(7, 0)
    core.send(b"word")
    (word,) = sent(core, 0)
    core.receive_data(segment(ACK, sn=0, stamp=int(str(word["stamp"])), una=1), 20)
    if knows:
        core.receive_data(segment(FIN, sn=0), 20)
    core.finish()
    now, count = 20, commands(core, 20).count(FIN)
    while not core.finished:
        now = core.next_timeout(now)
        count += commands(core, now).count(FIN)
    assert count == times
    assert now < DEAD_AFTER

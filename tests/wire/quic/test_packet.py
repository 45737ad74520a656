"""QUIC packets opened and sealed again: the standard's example, every cipher, key updates, frames."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.quic.packet import (
    MAX_STREAM_DATA_SIZE,
    MaxStreamData,
    Opened,
    Protection,
    expand,
    max_stream_data_frame,
    max_stream_data_frames,
)

#: RFC 9001 appendix A.5: a packet with a short header, to a peer without ids.
SECRET = bytes.fromhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b")
NUMBER = 654360564
PACKET = bytes.fromhex("4cfe4189655e5cd55c41f69080575d7999c25a5bfb")
UPDATED = bytes.fromhex("1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9")
SUITES = {0x1301: 32, 0x1302: 48, 0x1303: 32}
CID = b"12345678"


def test_the_example_of_the_rfc() -> None:
    protection = Protection(0x1303, SECRET)
    opened = protection.open(PACKET, 0, NUMBER - 1000)
    assert opened == Opened(bytes.fromhex("4200bff4"), NUMBER, b"\x01")
    assert protection.close(opened, b"\x01") == PACKET
    assert expand(protection._hash, SECRET, b"quic ku", 32) == UPDATED


def sealed(protection: Protection, number: int, payload: bytes, *, phase: int = 0, size: int = 2) -> bytes:
    """A packet as the library makes them."""
    first = 0x40 | phase << 2 | size - 1
    short = (number & ((1 << 8 * size) - 1)).to_bytes(size, "big")
    return protection.close(Opened(bytes((first,)) + CID + short, number, b""), payload)


def updated(suite: int, times: int) -> Protection:
    """Who seals after some key updates."""
    protection = Protection(suite, bytes(range(SUITES[suite])))
    for _ in range(times):
        protection._update()
    return protection


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_payload_is_exchanged(suite: int, size: int) -> None:
    ours, library, peer = (updated(suite, 0) for _ in range(3))
    packet = sealed(library, 70_000, b"\x01" * 30, size=size)
    opened = ours.open(packet, len(CID), 70_010)
    assert opened is not None
    assert (opened.number, opened.payload) == (70_000, b"\x01" * 30)
    again = peer.open(ours.close(opened, b"\x01" * 50), len(CID), 69_990)
    assert again == Opened(opened.header, 70_000, b"\x01" * 50)


@pytest.mark.parametrize("suite", SUITES)
def test_updates_of_keys_are_followed(suite: int) -> None:
    ours = updated(suite, 0)
    for times in (1, 2, 5, 40):
        opened = ours.open(sealed(updated(suite, times), times, b"\x01" * 20, phase=times & 1), len(CID), 0)
        assert opened is not None
        assert ours.close(opened, opened.payload) == sealed(
            updated(suite, times), times, b"\x01" * 20, phase=times & 1
        )


def test_other_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiofrp.wire.quic.packet._MOST_UPDATES", 10)
    ours = updated(0x1301, 0)
    assert ours.open(b"\xc0" + bytes(100), 8, 0) is None
    assert ours.open(b"\x40" + bytes(20), 8, 0) is None
    with pytest.raises(ValueError, match="other keys"):
        ours.open(b"\x40" + bytes(100), 8, 0)
    with pytest.raises(KeyError):
        Protection(0x1304, bytes(32))


@pytest.mark.parametrize(
    ("expected", "number", "bits"),
    [(0, 0, 8), (0xA82F30EB, 0xA82F9B32, 16), (255, 256, 8), (256, 255, 8), (1000, 1127, 8), (1000, 873, 8)],
)
def test_numbers_are_the_nearest(expected: int, number: int, bits: int) -> None:
    protection = updated(0x1301, 0)
    opened = protection.open(sealed(protection, number, bytes(20), size=bits // 8), len(CID), expected)
    assert opened is not None
    assert opened.number == number


# Frames: RFC 9000 §19

ROOM = max_stream_data_frame(4, 1 << 20)
SHORT_ROOM = b"\x11\x04\x44\x00"
FRAMES = {
    "padding": b"\x00\x00",
    "ping": b"\x01",
    "ack": b"\x02\x44\x00\x05\x01\x03\x02\x40\x07",
    "ack with counts": b"\x03\x0a\x00\x00\x02\x01\x02\x03",
    "reset": b"\x04\x04\x00\x05",
    "stop": b"\x05\x04\x00",
    "crypto": b"\x06\x00\x03abc",
    "token": b"\x07\x02ab",
    "stream": b"\x0a\x04\x02hi",
    "stream at an offset": b"\x0f\x04\x41\x00\x02hi",
    "data": b"\x10\x50\x00",
    "streams": b"\x12\x10\x13\x10",
    "blocked": b"\x14\x10\x15\x04\x10\x16\x10\x17\x10",
    "id": b"\x18\x02\x01\x04abcd" + bytes(16) + b"\x19\x01",
    "path": b"\x1a" + bytes(8) + b"\x1b" + bytes(8),
    "close": b"\x1c\x00\x00\x02no\x1d\x00\x02no",
    "done": b"\x1e",
}


@pytest.mark.parametrize("name", FRAMES)
def test_room_is_found_behind_every_frame(name: str) -> None:
    before = FRAMES[name]
    payload = before + ROOM + before + SHORT_ROOM
    at = 2 * len(before) + len(ROOM)
    assert list(max_stream_data_frames(payload)) == [
        MaxStreamData(len(before), len(before) + len(ROOM), 4, 1 << 20),
        MaxStreamData(at, at + len(SHORT_ROOM), 4, 1024),
    ]


@pytest.mark.parametrize("number", [0, 63, 64, 16383, 16384, (1 << 30) - 1, 1 << 30, (1 << 62) - 1])
def test_room_of_every_size(number: int) -> None:
    frame = max_stream_data_frame(number, number)
    assert list(max_stream_data_frames(frame)) == [MaxStreamData(0, len(frame), number, number)]
    assert len(frame) <= MAX_STREAM_DATA_SIZE


def test_what_looks_like_room_in_a_stream_is_none() -> None:
    assert not list(max_stream_data_frames(b"\x08\x04" + ROOM))
    assert list(max_stream_data_frames(ROOM + b"\x08\x04" + ROOM)) == [
        MaxStreamData(0, len(ROOM), 4, 1 << 20)
    ]


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    found = list(max_stream_data_frames(data))
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all(room.end <= len(data) for room in found)
    assert list(max_stream_data_frames(ROOM + data))[:1] == [MaxStreamData(0, len(ROOM), 4, 1 << 20)]

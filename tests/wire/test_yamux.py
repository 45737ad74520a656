"""yamux frames: recorded sessions, cuts, refusals."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.yamux import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    HEADER_SIZE,
    LARGEST_PAYLOAD,
    PING,
    RST,
    SYN,
    WINDOW_UPDATE,
    Frame,
    FrameDecoder,
    data_frame,
    data_parts,
    header,
    joined,
)
from tests.wire.cuts import chunks
from tests.wire.vectors import load

SIDES = ["c2s", "s2c"]
#: Bytes that TLS encrypts at once (RFC 8446 §5.1).
RECORD = 16_384
#: What the recorded client and server did, in their words (type, flags, stream, length, payload).
FRAMES = {
    "c2s": [
        (WINDOW_UPDATE, SYN, 1, 6029312, b""),
        (DATA, 0, 1, 5, b"hello"),
        (WINDOW_UPDATE, FIN, 1, 0, b""),
        (WINDOW_UPDATE, SYN, 3, 6029312, b""),
        (WINDOW_UPDATE, FIN, 3, 0, b""),
        (GO_AWAY, 0, 0, 0, b""),
        (PING, SYN, 0, 0, b""),
    ],
    "s2c": [
        (WINDOW_UPDATE, ACK, 1, 6029312, b""),
        (DATA, 0, 1, 3, b"abc"),
        (DATA, 0, 1, 4, b"late"),
        (WINDOW_UPDATE, FIN, 1, 0, b""),
        (WINDOW_UPDATE, 0, 3, 6029312, b""),
        (WINDOW_UPDATE, FIN, 3, 0, b""),
        (PING, ACK, 0, 0, b""),
    ],
}


TYPES = {"Data": DATA, "WinUpd": WINDOW_UPDATE, "Ping": PING, "GoAway": GO_AWAY}
FLAGS = {"": 0, "SYN": SYN, "ACK": ACK, "FIN": FIN, "RST": RST}
#: The frames of the recorded frp session, as another decoder lists them.
(LISTED,) = (
    entry["yamux_frames_type_flags_stream_length"]
    for entry in load("session_v1_tcpmux")["decoded"]["events"]
    if "yamux_frames_type_flags_stream_length" in entry
)


def recorded(side: str, name: str = "yamux_frames") -> bytes:
    events: list[dict[str, Any]] = load(name)["events"]
    return b"".join(bytes.fromhex(event.get("hex", "")) for event in events if event["dir"] == side)


def decode(stream: bytes, cuts: list[int]) -> list[Frame]:
    """Frames of ``stream`` fed in parts, the parts of a data frame put together again."""
    decoder = FrameDecoder()
    whole: list[Frame] = []
    left = 0
    for chunk in chunks(stream, cuts):
        for kind, flags, stream_id, length, payload in decoder.receive_data(chunk):
            if left:
                assert (kind, length, stream_id) == (DATA, 0, whole[-1][2])
                assert not flags & ~(FIN | RST)
                first = whole.pop()
                whole.append((DATA, first[1] | flags, stream_id, first[3], bytes(first[4]) + bytes(payload)))
                left -= len(payload)
                assert left == 0 or not flags, "FIN and RST belong to the last part"
            else:
                whole.append((kind, flags, stream_id, length, bytes(payload)))
                left = length - len(payload) if kind == DATA else 0
    return whole


@pytest.mark.parametrize("side", SIDES)
def test_a_recorded_session(side: str) -> None:
    assert decode(recorded(side), []) == FRAMES[side]


@pytest.mark.parametrize("side", SIDES)
def test_byte_by_byte(side: str) -> None:
    stream = recorded(side)
    assert decode(stream, list(range(len(stream)))) == FRAMES[side]


@given(st.sampled_from(SIDES), st.lists(st.integers(0, 200)))
def test_random_cuts(side: str, cuts: list[int]) -> None:
    assert decode(recorded(side), cuts) == FRAMES[side]


@pytest.mark.parametrize("side", SIDES)
def test_the_encoder_makes_the_recorded_bytes(side: str) -> None:
    made = (header(*frame[:4]) + bytes(frame[4]) for frame in FRAMES[side])
    assert b"".join(made) == recorded(side)


@pytest.mark.parametrize("side", SIDES)
@given(cuts=st.lists(st.integers(0, 3000), max_size=20))
def test_a_recorded_frp_session(side: str, cuts: list[int]) -> None:
    assert [list(frame[:4]) for frame in decode(recorded(side, "session_v1_tcpmux"), cuts)] == [
        [TYPES[kind], FLAGS[flag], stream_id, length] for kind, flag, stream_id, length in LISTED[side]
    ]


def frames() -> st.SearchStrategy[tuple[int, int, int, bytes]]:
    """Any frame: (type, flags, stream, payload)."""
    data = st.tuples(st.just(DATA), st.integers(0, 15), st.integers(1, 9), st.binary(max_size=60))
    other = st.tuples(
        st.integers(WINDOW_UPDATE, GO_AWAY), st.integers(0, 15), st.integers(0, 9), st.just(b"")
    )
    return st.one_of(data, other)


@given(st.lists(frames(), max_size=12), st.lists(st.integers(0, 600), max_size=40))
def test_any_frames_survive_any_cuts(listed: list[tuple[int, int, int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(
        header(kind, flags, stream_id, len(payload)) + payload for kind, flags, stream_id, payload in listed
    )
    assert decode(stream, cuts) == [
        (kind, flags, stream_id, len(payload), payload) for kind, flags, stream_id, payload in listed
    ]


def test_the_flags_of_a_long_frame() -> None:
    """SYN and ACK come with the first part, FIN and RST with the last: what they say is true then."""
    decoder = FrameDecoder()
    opening = header(DATA, SYN | FIN, 7, 6)
    assert decoder.receive_data(opening + b"ab") == [(DATA, SYN, 7, 6, b"ab")]
    assert decoder.receive_data(b"cd") == [(DATA, 0, 7, 0, b"cd")]
    assert decoder.receive_data(b"ef" + opening) == [
        (DATA, FIN, 7, 0, b"ef"),
        (DATA, SYN, 7, 6, b""),
    ]
    assert decoder.receive_data(b"abcdef") == [(DATA, FIN, 7, 0, b"abcdef")]


@pytest.mark.parametrize("stream", [b"\x01" + bytes(11), b"\x00\x04" + bytes(10), b"GET / HTTP/1.1\r\n"])
def test_unknown_versions_and_types_are_refused(stream: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="the peer speaks no yamux"):
        FrameDecoder().receive_data(stream)


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=10))
def test_rubbish_is_refused_or_decoded(stream: bytes, cuts: list[int]) -> None:
    decoder = FrameDecoder()
    given_bytes = payloads = 0
    with suppress(RemoteProtocolError):
        for chunk in chunks(stream, cuts):
            given_bytes += len(chunk)
            payloads += sum(len(frame[4]) for frame in decoder.receive_data(chunk))
            assert payloads <= max(0, given_bytes - HEADER_SIZE)


def test_a_small_payload_does_not_keep_its_chunk() -> None:
    """A large one is a view, so that bulk data is not copied."""
    small, large = bytes(100), bytes(100_000)
    stream = header(DATA, 0, 1, len(small)) + small + header(DATA, 0, 1, len(large)) + large
    first, second = FrameDecoder().receive_data(stream)
    assert type(first[4]) is bytes
    assert isinstance(second[4], memoryview)
    assert second[4].readonly


@pytest.mark.parametrize("flags", [0, SYN])
@pytest.mark.parametrize("readonly", [True, False])
def test_payload_of_lent_memory_is_copied(flags: int, readonly: bool) -> None:
    large = bytes(100_000)
    memory = memoryview(bytearray(header(DATA, flags, 1, len(large)) + large))
    chunk = memory.toreadonly() if readonly else memory
    (frame,) = joined(FrameDecoder().receive_data(chunk), len(chunk))
    assert frame == (DATA, flags, 1, len(large), large)
    assert isinstance(frame[4], memoryview) is readonly
    memory[:] = b"x" * len(memory)
    assert (frame[4] == large) is not readonly


def test_a_small_part_of_a_large_chunk_is_copied() -> None:
    small, large = bytes(30_000), bytes(100_000)
    stream = header(DATA, 0, 1, len(small)) + small + header(DATA, 0, 3, len(large)) + large
    first, second = joined(FrameDecoder().receive_data(stream), len(stream))
    assert (type(first[4]), type(second[4])) == (bytes, memoryview)


@pytest.mark.parametrize("size", [0, 1, LARGEST_PAYLOAD])
def test_data_in_one_frame(size: int) -> None:
    data = bytes(size)
    assert decode(data_frame(5, memoryview(data)), []) == [(DATA, 0, 5, size, data)]


@pytest.mark.parametrize(
    "size", [1, RECORD - HEADER_SIZE, LARGEST_PAYLOAD, LARGEST_PAYLOAD + 1, 3 * LARGEST_PAYLOAD - 1]
)
def test_much_data_is_several_frames(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    parts = data_parts(5, memoryview(data)[:size])
    assert all(len(part) % RECORD == 0 for part in parts[:-2])
    assert sum(len(part) for part in parts if isinstance(part, bytes)) <= RECORD * -(-size // LARGEST_PAYLOAD)
    frames = decode(b"".join(parts), [])
    assert {frame[:3] for frame in frames} == {(DATA, 0, 5)}
    assert all(frame[3] == len(frame[4]) for frame in frames)
    assert [frame[3] for frame in frames[:-1]] == [LARGEST_PAYLOAD] * ((size - 1) // LARGEST_PAYLOAD)
    assert b"".join(frame[4] for frame in frames) == data[:size]


def test_neighbouring_data_of_a_stream_is_joined() -> None:
    late, first, ended = (DATA, 0, 1, 0, b"ab"), (DATA, 0, 1, 3, memoryview(b"cde")), (DATA, FIN, 1, 1, b"f")
    other, begun = (DATA, 0, 3, 2, b"xy"), (DATA, 0, 1, 9, b"g")
    credit = (WINDOW_UPDATE, 0, 1, 7, b"")
    assert joined([late, first, begun], 99_000) == [(DATA, 0, 1, 12, b"abcdeg")]
    assert joined([late, first, ended, begun], 99_000) == [(DATA, 0, 1, 3, b"abcde"), ended, begun]
    assert joined([late, other, first], 99_000) == [late, other, first]
    assert joined([credit, late, credit, first, begun, credit], 99_000) == [
        credit,
        late,
        credit,
        (DATA, 0, 1, 12, b"cdeg"),
        credit,
    ]
    assert joined([], 99_000) == []


@given(st.lists(frames(), max_size=12), st.integers(0, 600))
def test_joined_frames_say_the_same(listed: list[tuple[int, int, int, bytes]], cut: int) -> None:
    """Nothing is lost, moved past another frame, or counted twice."""
    stream = b"".join(header(*frame[:3], len(frame[3])) + frame[3] for frame in listed)
    decoder = FrameDecoder()
    for chunk in (stream[:cut], stream[cut:]):
        plain = decoder.receive_data(chunk)
        got = joined(plain, 20_000)
        assert [frame for frame in got if frame[0] or frame[1]] == [f for f in plain if f[0] or f[1]]
        assert sum(frame[3] for frame in got) == sum(frame[3] for frame in plain)
        assert [i for f in got for i in [f[2]] * len(f[4])] == [i for f in plain for i in [f[2]] * len(f[4])]
        assert b"".join(bytes(f[4]) for f in got) == b"".join(bytes(f[4]) for f in plain)
        assert all(a[:3] != b[:3] or a[0] or a[1] for a, b in pairwise(got))

"""Packets in a byte stream: recorded ones, any cuts, and lengths that no packet has."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.ippacket import MAX_PACKET, addresses
from aiofrp.wire.vnetframes import LENGTH, MAX_LENGTH, IpFrameDecoder
from tests.support.ippackets import framed, packet, pair
from tests.wire.cuts import chunks
from tests.wire.vectors import FOLDER

RECORDED = json.loads((FOLDER.parent / "vnet" / "frames.json").read_text(encoding="utf-8"))


def received(decoder: IpFrameDecoder, data: bytes | memoryview) -> list[bytes]:
    """All packets that ``data`` completes."""
    decoder.receive_data(data)
    packets = decoder.take(10_000)
    assert not decoder.pending
    return packets


def recorded(direction: str) -> list[bytes]:
    """The segments after the visitor entered; long ones were cut, and go on with the letter x."""
    found = [item for item in RECORDED["segments"][2:] if item["direction"] == direction]
    return [bytes.fromhex(item["hex"].rstrip(".")).ljust(item["length"], b"x") for item in found]


@pytest.mark.parametrize(
    ("direction", "source", "sizes"),
    [
        ("visitor->server", "100.86.0.2", [38, 1420]),
        ("server->visitor", "100.86.0.1", [40, 1420, 22]),
    ],
)
def test_recorded(direction: str, source: str, sizes: list[int]) -> None:
    segments = recorded(direction)
    decoder = IpFrameDecoder()
    packets = [packet for segment in segments for packet in received(decoder, segment)]
    assert [len(packet) for packet in packets] == sizes
    for found in packets:
        ends = addresses(found)
        assert ends is not None
        assert ends.startswith(pair(source, source)[:4])
    assert framed(*packets) == b"".join(segments)


SIZES = st.lists(st.sampled_from([1, 2, 20, 1420, MAX_PACKET, MAX_PACKET + 1, MAX_PACKET + 9]), max_size=4)


@given(sizes=SIZES, cuts=st.lists(st.integers(0, 200_000), max_size=8))
def test_any_cuts(sizes: list[int], cuts: list[int]) -> None:
    packets = [bytes([index]) * size for index, size in enumerate(sizes)]
    decoder = IpFrameDecoder()
    found = [item for chunk in chunks(framed(*packets), cuts) for item in received(decoder, chunk)]
    assert found == [packet for packet in packets if len(packet) <= MAX_PACKET]
    assert decoder.skipped == len(packets) - len(found)
    assert decoder.error is None


@given(sizes=SIZES, cuts=st.lists(st.integers(0, 200_000), max_size=8), most=st.integers(1, 3))
def test_a_few_at_a_time(sizes: list[int], cuts: list[int], most: int) -> None:
    """Whether everything is taken before more comes or not."""
    packets = [bytes([index]) * size for index, size in enumerate(sizes)]
    decoder, found = IpFrameDecoder(), []
    for chunk in chunks(framed(*packets), cuts):
        decoder.receive_data(chunk)
        some = decoder.take(most)
        assert len(some) <= most
        found += some
    while decoder.pending:
        found += decoder.take(most)
    assert found == [packet for packet in packets if len(packet) <= MAX_PACKET]


def test_byte_by_byte() -> None:
    packets = [packet("10.0.0.1", "10.0.0.2", b"a"), packet("fd00::1", "fd00::2")]
    decoder = IpFrameDecoder()
    found = [item for byte in framed(*packets) for item in received(decoder, bytes([byte]))]
    assert found == packets


@pytest.mark.parametrize(
    ("size", "why"),
    [
        (0, "message length is 0"),
        (MAX_LENGTH + 1, "message too large: 1048577 > 1048576"),
        (0xFFFFFFFF, "message too large: 4294967295 > 1048576"),
    ],
)
@pytest.mark.parametrize("cut", [0, 2, 26])
def test_lengths_that_end_the_connection(size: int, why: str, cut: int) -> None:
    good = packet("10.0.0.1", "10.0.0.2")
    decoder = IpFrameDecoder()
    data = framed(good) + LENGTH.pack(size) + framed(good)
    found = [item for chunk in chunks(data, [cut]) for item in received(decoder, chunk)]
    assert found == [good]
    assert str(decoder.error) == why
    assert received(decoder, framed(good)) == []


def test_a_packet_that_is_too_long_is_not_held() -> None:
    decoder = IpFrameDecoder()
    assert received(decoder, LENGTH.pack(MAX_LENGTH)) == []
    for _ in range(MAX_LENGTH // 1024):
        assert received(decoder, bytes(1024)) == []
        assert not decoder._partial
    good = packet("10.0.0.1", "10.0.0.2")
    assert received(decoder, framed(good)) == [good]
    assert decoder.skipped == 1

"""KCP segments as bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.kcp.segment import MTU, PUSH, RST, first_segment, join, reset_segment
from tests.wire.kcplink import segment


def test_the_first_segment_of_a_packet() -> None:
    packet = segment(PUSH, sn=3, una=4, conv=9, data=b"x")
    assert first_segment(packet) == (9, PUSH, 3, 4)
    assert first_segment(packet[:-1]) is None
    assert first_segment(packet[:23]) is None
    assert first_segment(segment(80)) is None
    assert first_segment(reset_segment(9)) == (9, RST, 0, 0)


@given(st.lists(st.binary(min_size=24, max_size=MTU), min_size=1, max_size=30))
def test_packets_are_full_and_in_order(segments: list[bytes]) -> None:
    packets = join(segments)
    left = list(segments)
    for packet in packets:
        taken = b""
        while len(taken) < len(packet):
            taken += left.pop(0)
        assert taken == packet
        assert len(packet) <= MTU
        assert not left or len(packet) + len(left[0]) > MTU
    assert not left

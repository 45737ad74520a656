"""The bridge between wire protocols, each way, in any cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec import V1, Codec
from aiofrp.wire.frp.codec2 import V2
from aiofrp.wire.frp.messages import Ping, Pong, UDPAddress, UDPPacket
from aiofrp.wire.frp.translate import Translation
from aiofrp.wire.frp.udppacket import MAX_MESSAGE
from tests.wire.cuts import chunks

WAYS = [(V1, V2), (V2, V1)]
MESSAGES = [
    UDPPacket(content=b"one", remote_addr=UDPAddress(ip="127.0.0.1", port=5353)),
    Ping(),
    UDPPacket(remote_addr=UDPAddress(ip="::1", port=1)),
]


@pytest.mark.parametrize(("spoken", "wanted"), WAYS)
@pytest.mark.parametrize("pings", [True, False])
@given(cuts=st.lists(st.integers(0, 300), max_size=8))
def test_messages_come_out_in_the_other_protocol(
    spoken: Codec, wanted: Codec, pings: bool, cuts: list[int]
) -> None:
    data = b"".join(map(spoken.encode, MESSAGES))
    translation = Translation(spoken, wanted, pings=pings)
    out = b"".join(translation.decode(part) for part in chunks(data, cuts))
    expected = [message for message in MESSAGES if pings or not isinstance(message, Ping)]
    assert wanted.decoder().receive_data(out) == expected


@pytest.mark.parametrize(("spoken", "wanted"), WAYS)
def test_what_goes_to_the_side_is_not_touched(spoken: Codec, wanted: Codec) -> None:
    assert Translation(spoken, wanted, pings=True).encode(memoryview(b"bytes")) == b"bytes"


@pytest.mark.parametrize(("spoken", "wanted"), WAYS)
def test_another_message_ends_the_bridge(spoken: Codec, wanted: Codec) -> None:
    with pytest.raises(RemoteProtocolError, match="Pong"):
        Translation(spoken, wanted, pings=True).decode(spoken.encode(Pong()))


def test_what_is_too_long_for_the_other_side_is_dropped() -> None:
    address = UDPAddress(ip="127.0.0.1", port=5353)
    long, short = (UDPPacket(content=bytes(size), remote_addr=address) for size in (9000, 7000))
    out = Translation(V2, V1, pings=True).decode(V2.encode(long) + V2.encode(short))
    assert V1.decoder().receive_data(out) == [short]


def test_frames_too_long_are_counted_and_a_peer_that_takes_more_gets_them() -> None:
    long = UDPPacket(content=bytes(20_000), remote_addr=UDPAddress(ip="127.0.0.1", port=1))
    dropped: list[int] = []
    narrow = Translation(V2, V1, pings=True, dropped=dropped.append)
    assert narrow.decode(V2.encode(long) * 2) == b""
    assert dropped == [2]
    wide = Translation(V2, V1, pings=True, accepted=MAX_MESSAGE, dropped=dropped.append)
    assert wide.decode(V2.encode(long)) == V1.encode(long)
    assert dropped == [2]

"""Hand-written UDP packets against the bytes of the reference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec import MAX_BODY, V1, Codec, Decoder, encode
from aiofrp.wire.frp.codec2 import V2, DecoderV2, encode_v2
from aiofrp.wire.frp.messages import UDPAddress, UDPPacket
from aiofrp.wire.frp.udppacket import MAX_DATAGRAM, MAX_MESSAGE, encode_udp, longest_datagram
from tests.wire.vectors import load

VECTORS = load("udp_packet")["vectors"]


def packet(vector: dict[str, Any]) -> UDPPacket:
    return UDPPacket(
        content=bytes.fromhex(vector["content"]), remote_addr=UDPAddress(**vector["remote_addr"])
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(len(vector["content"]) // 2))
def test_golden_bytes(vector: dict[str, Any]) -> None:
    frame, expected = bytes.fromhex(vector["v1_hex"]), packet(vector)
    assert encode_udp(expected.content, **vector["remote_addr"]) == frame == encode(expected)
    assert encode_v2(expected).hex() == vector["v2_frame_hex"]
    assert DecoderV2().receive_data(encode_v2(expected)) == [expected]
    assert vector["v1_reader_accepts"]
    assert Decoder().receive_data(frame) == [expected]


@pytest.mark.parametrize(("size", "accepted"), [(7638, True), (7639, False)])
def test_longest_payload(size: int, accepted: bool) -> None:
    frame = encode_udp(bytes(size), "127.0.0.1", 5353)
    assert (len(frame) <= 9 + MAX_BODY) is accepted
    if accepted:
        (message,) = Decoder().receive_data(frame)
        assert message == UDPPacket(content=bytes(size), remote_addr=UDPAddress(ip="127.0.0.1", port=5353))
    else:
        with pytest.raises(RemoteProtocolError, match="UDPPacket: length"):
            Decoder().receive_data(frame)


@given(
    payload=st.binary(max_size=200),
    ip=st.text(max_size=5),
    port=st.integers(0, 65535),
    zone=st.text(max_size=5),
)
def test_same_as_the_general_encoder(payload: bytes, ip: str, port: int, zone: str) -> None:
    message = UDPPacket(content=payload, remote_addr=UDPAddress(ip=ip, port=port, zone=zone))
    assert encode_udp(payload, ip, port, zone) == encode(message)


@pytest.mark.parametrize(
    "body",
    [
        b' { "r" : {"Zone":"","Port":5353,"IP":"::1"} , "c" : "aGk=" } ',
        b'{"c":"aGk\\u003d","r":{"IP":"::1","Port":5353}}',
        b'{"x":[1],"c":"aGk=","l":null,"r":{"IP":"::1","Port":5353,"Zone":null}}',
    ],
)
def test_other_spellings_are_understood(body: bytes) -> None:
    expected = UDPPacket(content=b"hi", remote_addr=UDPAddress(ip="::1", port=5353))
    assert Decoder().receive_data(b"u" + len(body).to_bytes(8, "big") + body) == [expected]


@pytest.mark.parametrize("content", ["aGk", "a", "aGk=aGk=", "aGk!", "-_-_"])
def test_bad_base64_is_refused(content: str) -> None:
    body = f'{{"c":"{content}"}}'.encode()
    with pytest.raises(RemoteProtocolError, match="base64"):
        Decoder().receive_data(b"u" + len(body).to_bytes(8, "big") + body)


@pytest.mark.parametrize(("codec", "limit"), [(V1, 7617), (V2, 49_086)])
def test_the_longest_datagram_fits_and_the_next_does_not(codec: Codec, limit: int) -> None:
    assert longest_datagram(codec, 0) == limit
    address = UDPAddress(ip=":".join(["ffff"] * 8), port=65535)
    lengths = [
        len(codec.encode(UDPPacket(content=bytes(size), remote_addr=address))) for size in (limit, limit + 1)
    ]
    assert lengths[0] <= codec.max_frame < lengths[1]
    assert longest_datagram(codec, MAX_MESSAGE) == MAX_DATAGRAM

"""Framing of v1 messages: golden bytes, cuts, refusals."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec import MAX_BODY, V1, Decoder, encode
from aiofrp.wire.frp.messages import CloseProxy, Message, Ping, Pong, ReqWorkConn, StartWorkConn
from tests.wire.vectors import load

GOLDEN = [bytes.fromhex(vector["v1_hex"]) for vector in load("messages")["vectors"]]


def frame(type_byte: bytes, body: bytes) -> bytes:
    return type_byte + len(body).to_bytes(8, "big") + body


def expected() -> list[Message]:
    return [message for golden in GOLDEN for message in Decoder().receive_data(golden)]


@pytest.mark.parametrize("vector", load("messages")["vectors"], ids=lambda vector: vector["name"])
def test_golden_bytes_both_ways(vector: dict[str, str]) -> None:
    golden = bytes.fromhex(vector["v1_hex"])
    (message,) = Decoder().receive_data(golden)
    assert type(message).__name__ == vector["name"]
    assert encode(message) == golden


def test_all_messages_in_one_chunk() -> None:
    assert Decoder().receive_data(b"".join(GOLDEN)) == expected()


def test_byte_by_byte() -> None:
    decoder, messages = Decoder(), []
    for byte in b"".join(GOLDEN):
        messages += decoder.receive_data(bytes([byte]))
    assert messages == expected()
    assert decoder.leftover() == b""


@given(cuts=st.lists(st.integers(0, sum(map(len, GOLDEN))), max_size=30))
def test_random_cuts(cuts: list[int]) -> None:
    stream, decoder, messages = b"".join(GOLDEN), Decoder(), []
    edges = [0, *sorted(cuts), len(stream)]
    for start, end in pairwise(edges):
        messages += decoder.receive_data(memoryview(stream)[start:end])
    assert messages == expected()


def test_one_message_then_relayed_bytes() -> None:
    decoder = Decoder()
    start = StartWorkConn(proxy_name="ssh", src_addr="10.0.0.1", src_port=50_000)
    first, second = encode(start)[:20], encode(start)[20:] + b"SSH-2.0-x\r\n"
    assert decoder.receive_one(first) is None
    assert decoder.receive_one(second) == start
    assert decoder.leftover() == b"SSH-2.0-x\r\n"
    assert decoder.leftover() == b""


def test_receive_one_goes_on_with_what_it_kept() -> None:
    decoder = Decoder()
    assert decoder.receive_one(encode(Ping()) + encode(Pong()) + b"c") == Ping()
    assert decoder.receive_one() == Pong()
    assert decoder.receive_one() is None
    assert decoder.receive_data(encode(CloseProxy(proxy_name="a"))[1:]) == [CloseProxy(proxy_name="a")]


def test_body_at_the_limit_is_accepted() -> None:
    (message,) = Decoder().receive_data(frame(b"c", b'{"proxy_name":"%s"}' % (b"x" * (MAX_BODY - 17))))
    assert message == CloseProxy(proxy_name="x" * (MAX_BODY - 17))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"F", r"unknown message type b'F'"),
        (b"\x16\x03\x01", r"unknown message type b'\\x16'"),
        (b"o" + (MAX_BODY + 1).to_bytes(8, "big"), "Login: length 10241 is not in 0..10240"),
        (b"h" + (-1).to_bytes(8, "big", signed=True), "Ping: length -1 is not"),
        (b"h" + b"\x7f" + b"\xff" * 7, "Ping: length 9223372036854775807"),
        (frame(b"h", b""), "Ping: "),
        (frame(b"h", b"[]"), "Ping: .*array"),
        (frame(b"h", b"{}x"), "Ping: Extra data"),
        (frame(b"4", b'{"error":5}'), r"Pong: Expected `str`, got `int` - at `\$.error`"),
        (frame(b"s", b'{"src_port":65536}'), "StartWorkConn: .*65535"),
        (frame(b"h", b'{"timestamp":9223372036854775808}'), "Ping: .*timestamp"),
        (frame(b"h", b'{"x":' + b"[" * 10_000), "Ping: "),
        (frame(b"h", b'{"timestamp":NaN}'), "Ping: NaN"),
    ],
)
def test_refusals_name_what_is_wrong_and_stick(data: bytes, reason: str) -> None:
    decoder = Decoder()
    with pytest.raises(RemoteProtocolError, match=reason) as first:
        decoder.receive_data(data)
    with pytest.raises(RemoteProtocolError) as second:
        decoder.receive_one(encode(ReqWorkConn()))
    assert second.value is first.value


def test_codec_object() -> None:
    assert (V1.name, V1.preamble) == ("v1", b"")
    assert V1.decoder().receive_data(V1.encode(Pong(error="e"))) == [Pong(error="e")]

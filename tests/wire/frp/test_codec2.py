"""Framing of v2 messages: golden bytes, cuts, hellos, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec2 import (
    CLIENT_HELLO,
    MAGIC,
    MAX_PAYLOAD,
    SERVER_HELLO,
    V2,
    DecoderV2,
    encode_frame,
    encode_v2,
)
from aiofrp.wire.frp.messages import CloseProxy, Login, LoginResp, Message, Ping, Pong
from tests.wire.cuts import chunks
from tests.wire.vectors import load

GOLDEN = [bytes.fromhex(vector["v2_frame_hex"]) for vector in load("messages")["vectors"]]


def expected() -> list[Message]:
    return [message for golden in GOLDEN for message in DecoderV2().receive_data(golden)]


@pytest.mark.parametrize("vector", load("messages")["vectors"], ids=lambda vector: vector["name"])
def test_golden_bytes_both_ways(vector: dict[str, str]) -> None:
    golden = bytes.fromhex(vector["v2_frame_hex"])
    (message,) = DecoderV2().receive_data(golden)
    assert type(message).__name__ == vector["name"]
    assert encode_v2(message) == golden


def test_byte_by_byte() -> None:
    decoder, messages = DecoderV2(), []
    for byte in b"".join(GOLDEN):
        messages += decoder.receive_data(bytes([byte]))
    assert messages == expected()


@given(cuts=st.lists(st.integers(0, sum(map(len, GOLDEN))), max_size=30))
def test_random_cuts(cuts: list[int]) -> None:
    decoder, messages = DecoderV2(), []
    for chunk in chunks(b"".join(GOLDEN), cuts):
        messages += decoder.receive_data(chunk)
    assert messages == expected()


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_hello_before_the_first_message(step: int) -> None:
    stream = encode_frame(CLIENT_HELLO, b'{"x":1}') + encode_v2(Login(user="u")) + encode_v2(Ping())
    decoder, messages = DecoderV2(hello=CLIENT_HELLO), []
    for start in range(0, len(stream), step):
        messages += decoder.receive_data(stream[start : start + step])
    assert messages == [Login(user="u"), Ping()]
    assert decoder.hello == b'{"x":1}'


def test_hello_is_seen_before_its_message() -> None:
    decoder = DecoderV2(hello=SERVER_HELLO)
    assert decoder.receive_one(encode_frame(SERVER_HELLO, b"{}")[:-1]) is None
    assert decoder.hello is None
    assert decoder.receive_one(b"}") is None
    assert decoder.hello == b"{}"
    assert decoder.receive_one(encode_v2(LoginResp(run_id="r")) + b"sealed") == LoginResp(run_id="r")
    assert decoder.leftover() == b"sealed"


def test_hello_may_be_absent() -> None:
    decoder = DecoderV2(hello=CLIENT_HELLO)
    assert decoder.receive_one(encode_v2(Pong())) == Pong()
    assert decoder.hello is None


@pytest.mark.parametrize("before", [encode_frame(CLIENT_HELLO, b"{}"), encode_v2(Ping())])
def test_hello_is_refused_later(before: bytes) -> None:
    decoder = DecoderV2(hello=CLIENT_HELLO)
    with pytest.raises(RemoteProtocolError, match=r"unexpected frame type 1, want 16$"):
        decoder.receive_data(before + encode_frame(CLIENT_HELLO, b"{}"))


def test_payload_at_the_limit_is_accepted() -> None:
    name = "x" * (MAX_PAYLOAD - 2 - 17)
    assert DecoderV2().receive_data(encode_v2(CloseProxy(proxy_name=name))) == [CloseProxy(proxy_name=name)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0001000000000000", "unexpected frame type 1, want 16"),
        ("0010000100000000", "unsupported frame flags 0x0001"),
        ("0010000000010001", "frame of 65537 bytes, over the limit of 65536"),
        ("001000000000000100", "message frame without message id"),
        ("001000000000000400007b7d", "unknown message id 0"),
        ("001000000000000400137b7d", "unknown message id 19"),
        ("001000000000000300017b", "Login: "),
    ],
)
def test_refusals_name_what_is_wrong_and_stick(data: str, reason: str) -> None:
    decoder = DecoderV2()
    for received in (bytes.fromhex(data), encode_v2(Ping())):
        with pytest.raises(RemoteProtocolError, match=reason):
            decoder.receive_data(received)


def test_codec_object() -> None:
    assert (V2.name, V2.preamble.hex()) == ("v2", load("v2_crypto")["magic"])
    assert V2.preamble == MAGIC
    assert V2.decoder().receive_data(V2.encode(Pong(error="e"))) == [Pong(error="e")]

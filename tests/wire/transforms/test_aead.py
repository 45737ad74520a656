"""Encryption of v2 control connections against the streams of the reference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import LocalProtocolError, RemoteProtocolError
from aiofrp.wire.frp.codec2 import V2
from aiofrp.wire.frp.messages import NewProxy, Ping, Pong, ReqWorkConn
from aiofrp.wire.transforms.aead import ALGORITHMS, MAX_PLAIN, AeadStream, control_keys, transcript_hash
from tests.wire.cuts import chunks
from tests.wire.vectors import load

NONCE_SIZE = {"aes-256-gcm": 12, "xchacha20-poly1305": 24}
KEY = bytes(range(32))


def pair(algorithm: str) -> tuple[AeadStream, AeadStream]:
    return AeadStream(algorithm, KEY, bytes(32)), AeadStream(algorithm, bytes(32), KEY)


@pytest.mark.parametrize(
    "vector", load("v2_crypto")["handshakes"], ids=lambda vector: vector["transcript_hash"][:8]
)
def test_handshakes_of_the_reference(vector: dict[str, Any]) -> None:
    client, server = vector["client_hello_payload"].encode(), vector["server_hello_payload"].encode()
    transcript = transcript_hash(client, server)
    assert transcript.hex() == vector["transcript_hash"]
    up, down = control_keys(vector["token"], vector["algorithm"], transcript)
    at_server, at_client = (
        AeadStream(vector["algorithm"], down, up),
        AeadStream(vector["algorithm"], up, down),
    )
    plain = at_server.decode(bytes.fromhex(vector["client_to_server_stream"]))
    assert V2.decoder().receive_data(plain) == [
        Ping(),
        NewProxy(proxy_name="p", proxy_type="tcp", remote_port=6000),
    ]
    plain = at_client.decode(bytes.fromhex(vector["server_to_client_stream"]))
    assert V2.decoder().receive_data(plain) == [Pong(), ReqWorkConn()]


@pytest.mark.parametrize(
    "vector", load("v2_crypto")["raw_aead_streams"][:-1], ids=lambda vector: vector["algorithm"]
)
def test_streams_of_the_reference_both_ways(vector: dict[str, Any]) -> None:
    algorithm, key, stream = (
        vector["algorithm"],
        bytes.fromhex(vector["key"]),
        bytes.fromhex(vector["stream"]),
    )
    writes = [bytes.fromhex(write) for write in vector["writes"]]
    receiver = AeadStream(algorithm, KEY, key)
    assert b"".join(receiver.decode(stream[i : i + 1]) for i in range(len(stream))) == b"".join(writes)
    sender = AeadStream(algorithm, key, KEY, nonce=stream[: NONCE_SIZE[algorithm]])
    assert b"".join(map(sender.encode, writes)) == stream


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(
    sizes=st.lists(st.integers(0, 70_000), max_size=4), cuts=st.lists(st.integers(0, 200_000), max_size=10)
)
def test_round_trip_with_random_cuts(algorithm: str, sizes: list[int], cuts: list[int]) -> None:
    sender, receiver = pair(algorithm)
    writes = [bytes([number]) * size for number, size in enumerate(sizes)]
    stream = b"".join(map(sender.encode, writes))
    assert b"".join(map(receiver.decode, chunks(stream, cuts))) == b"".join(writes)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_long_writes_are_cut_into_records(algorithm: str) -> None:
    sender, receiver = pair(algorithm)
    assert sender.encode(b"") == b""
    stream = sender.encode(bytes(MAX_PLAIN + 1))
    assert len(stream) == NONCE_SIZE[algorithm] + MAX_PLAIN + 1 + 2 * 20
    assert receiver.decode(memoryview(stream)) == bytes(MAX_PLAIN + 1)
    assert receiver.decode(sender.encode(bytearray(b"more"))) == b"more"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("position", [0, -1, -17, -18])
def test_changed_bytes_are_noticed(algorithm: str, position: int) -> None:
    sender, receiver = pair(algorithm)
    stream = bytearray(sender.encode(b"x"))
    stream[position] ^= 1
    with pytest.raises(RemoteProtocolError, match=r"forged|encrypted record of"):
        receiver.decode(bytes(stream) + bytes(100))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_records_cannot_be_repeated_or_swapped(algorithm: str) -> None:
    sender, receiver = pair(algorithm)
    first, second, third = (sender.encode(text) for text in (b"1", b"2", b"3"))
    assert receiver.decode(first) == b"1"
    with pytest.raises(RemoteProtocolError, match="forged"):
        receiver.decode(third + second)


@pytest.mark.parametrize("length", [0, 15, MAX_PLAIN + 17, 2**32 - 1])
def test_record_lengths_are_checked(length: int) -> None:
    _, receiver = pair("aes-256-gcm")
    with pytest.raises(RemoteProtocolError, match=f"record of {length} bytes"):
        receiver.decode(bytes(12) + length.to_bytes(4, "big"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nonces_do_not_wrap_around(algorithm: str) -> None:
    last = b"\xff" * NONCE_SIZE[algorithm]
    sender = AeadStream(algorithm, KEY, KEY, nonce=last[:-1] + b"\xfe")
    assert AeadStream(algorithm, KEY, KEY).decode(sender.encode(b"x")) == b"x"
    with pytest.raises(LocalProtocolError, match="no nonce left"):
        sender.encode(b"y")
    with pytest.raises(RemoteProtocolError, match="no nonce left"):
        AeadStream(algorithm, KEY, KEY).decode(last + (16).to_bytes(4, "big") + bytes(16))

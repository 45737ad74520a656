"""Snappy framing: streams of the reference, our own, and what must be refused."""

from __future__ import annotations

import random
from typing import Any

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.transforms.aescfb import AesCfb
from aiofrp.wire.transforms.snappy import MAX_BLOCK, MAX_CHUNK, Snappy
from tests.wire.cuts import chunks
from tests.wire.vectors import load

STREAMS = load("snappy_framed")["streams"]
HEADER = b"\xff\x06\x00\x00sNaPpY"


def writes_of(vector: dict[str, Any]) -> list[bytes]:
    if "plaintext_zeros" in vector:
        return [bytes(vector["plaintext_zeros"])]
    return [bytes.fromhex(write) for write in vector["writes"]]


def chunk(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(3, "little") + content


@pytest.mark.parametrize("vector", STREAMS, ids=lambda vector: vector["name"])
def test_streams_of_the_reference(vector: dict[str, Any]) -> None:
    stream, plain = bytes.fromhex(vector["stream"]), b"".join(writes_of(vector))
    assert Snappy().decode(stream) == plain
    decoder = Snappy()
    assert b"".join(decoder.decode(stream[i : i + 1]) for i in range(len(stream))) == plain


@pytest.mark.parametrize("vector", STREAMS, ids=lambda vector: vector["name"])
def test_same_bytes_as_the_reference(vector: dict[str, Any]) -> None:
    encoder = Snappy()
    assert b"".join(map(encoder.encode, writes_of(vector))).hex() == vector["stream"]


@pytest.mark.parametrize(
    "vector", load("workconn_enc_comp")["vectors"], ids=lambda vector: str(vector["case"])
)
def test_below_encryption(vector: dict[str, Any]) -> None:
    cipher, decoder = AesCfb(derive_key(vector["token"])), Snappy()
    plain = decoder.decode(cipher.decode(bytes.fromhex(vector["wire"])))
    assert plain.hex() == vector["plaintext"] == "".join(vector["writes"])


@given(
    data=st.binary(max_size=300),
    repeat=st.integers(0, 500),
    cuts=st.lists(st.integers(0, 150_000), max_size=8),
)
def test_round_trip_with_random_cuts(data: bytes, repeat: int, cuts: list[int]) -> None:
    plain, encoder, decoder = data * repeat, Snappy(), Snappy()
    stream = b"".join(map(encoder.encode, chunks(plain, cuts)))
    assert b"".join(map(decoder.decode, chunks(stream, cuts))) == plain


def test_every_write_can_be_decoded_at_once() -> None:
    encoder, decoder = Snappy(), Snappy()
    for write in (b"", b"a", b"b" * 70_000, b"", b"c"):
        assert decoder.decode(encoder.encode(write)) == write
    assert encoder.encode(b"") == b""


def test_long_writes_are_cut_into_blocks() -> None:
    noise = random.Random(1).randbytes(2 * MAX_BLOCK + 1)
    stream = Snappy().encode(noise)
    assert stream[:14] == HEADER + b"\x01\x04\x00\x01"
    assert len(stream) == len(HEADER) + 3 * 8 + len(noise)


def test_repeated_header_and_skippable_chunks() -> None:
    ours = Snappy().encode(b"abc")
    stream = ours + HEADER + chunk(0x80, b"") + chunk(0xFE, bytes(MAX_CHUNK)) + ours[10:] + ours
    assert Snappy().decode(stream) == b"abcabcabc"


def bomb() -> bytes:
    return b"1234" + bytes(cramjam.snappy.compress_raw(bytes(MAX_BLOCK + 1)))


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (chunk(1, b"1234abc"), "does not begin with its identifier"),
        (chunk(0x80, b""), "does not begin with its identifier"),
        (chunk(0xFF, b"sNaPpy"), "bad stream identifier"),
        (HEADER + chunk(0xFF, b""), "bad stream identifier"),
        (HEADER + chunk(0x02, b"1234"), "unknown chunk type 0x02"),
        (HEADER + chunk(0x7F, b""), "unknown chunk type 0x7f"),
        (HEADER + chunk(1, b"123"), "without checksum"),
        (HEADER + chunk(1, b"1234abc"), "checksum"),
        (HEADER + chunk(0, b"1234\x03abc"), "corrupt"),
        (HEADER + chunk(0, b"1234"), "corrupt"),
        (HEADER + chunk(0, bomb()), "block of 65537 bytes"),
        (HEADER + chunk(0, b"1234\xff\xff\xff\xff\xff\x0f"), "larger than allowed"),
        (HEADER + chunk(1, b"1234" + bytes(MAX_BLOCK + 1)), "plain chunk of 65537 bytes"),
        (HEADER + b"\xfe" + (MAX_CHUNK + 1).to_bytes(3, "little"), "chunk of 76495 bytes"),
        (HEADER + b"\x00\xff\xff\xff", "chunk of 16777215 bytes"),
    ],
)
def test_refusals(stream: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason):
        Snappy().decode(stream)

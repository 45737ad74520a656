"""AES-CFB streams and datagrams against the bytes of the reference, under any cuts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.transforms.aescfb import IV_SIZE, AesCfb, decrypt_datagram, encrypt_datagram
from tests.wire.cuts import chunks
from tests.wire.vectors import load

KEY = derive_key("12345678")


@pytest.mark.parametrize("vector", load("aes_cfb")["vectors"], ids=lambda vector: vector["iv"])
def test_golden_stream(vector: dict[str, str]) -> None:
    key, iv = bytes.fromhex(vector["derived_key"]), bytes.fromhex(vector["iv"])
    plain, stream = bytes.fromhex(vector["plaintext"]), bytes.fromhex(vector["stream"])
    assert AesCfb(key).decode(stream) == plain
    assert AesCfb(key, iv=iv).encode(plain) == (stream if plain else b"")
    assert decrypt_datagram(key, stream) == plain


@pytest.mark.parametrize("vector", load("aes_cfb")["multi_write_streams"], ids=lambda vector: vector["token"])
def test_golden_writes(vector: dict[str, Any]) -> None:
    writes, stream = [bytes.fromhex(write) for write in vector["writes"]], bytes.fromhex(vector["stream"])
    sender = AesCfb(derive_key(vector["token"]), iv=stream[:IV_SIZE])
    assert b"".join(map(sender.encode, writes)) == stream
    receiver = AesCfb(derive_key(vector["token"]))
    assert b"".join(receiver.decode(stream[i : i + 1]) for i in range(len(stream))) == b"".join(writes)


@given(cuts=st.lists(st.integers(0, 100)))
def test_random_cuts(cuts: list[int]) -> None:
    plain = bytes(range(84))
    stream, receiver = AesCfb(KEY).encode(plain), AesCfb(KEY)
    assert b"".join(map(receiver.decode, chunks(stream, cuts))) == plain


def test_iv_goes_out_with_the_first_byte_and_is_random() -> None:
    one, two = AesCfb(KEY), AesCfb(KEY)
    assert one.encode(b"") == b""
    first = one.encode(b"x")
    assert len(first) == IV_SIZE + 1
    assert first != two.encode(b"x")
    assert one.encode(b"") == b""
    assert len(one.encode(memoryview(b"yz"))) == 2


def test_directions_are_independent() -> None:
    near, far = AesCfb(KEY), AesCfb(KEY)
    request, response = near.encode(b"request"), far.encode(bytearray(b"response"))
    assert (far.decode(request), near.decode(memoryview(response))) == (b"request", b"response")


def test_datagrams() -> None:
    assert decrypt_datagram(KEY, memoryview(encrypt_datagram(KEY, b"hole"))) == b"hole"
    assert encrypt_datagram(KEY, b"hole") != encrypt_datagram(KEY, b"hole")
    assert decrypt_datagram(KEY, bytes(IV_SIZE)) == b""
    with pytest.raises(RemoteProtocolError, match="15 bytes"):
        decrypt_datagram(KEY, bytes(15))

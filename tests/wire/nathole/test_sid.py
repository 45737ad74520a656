"""Datagrams with a session id against recorded ones."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import ProtocolError, RemoteProtocolError
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.codec import encode
from aiofrp.wire.frp.messages import NatHoleReport, NatHoleSid
from aiofrp.wire.nathole.sid import LONGEST, SidCodec, new_id
from aiofrp.wire.transforms.aescfb import decrypt_datagram, encrypt_datagram
from tests.wire.nathole.vectors import datagrams, exchange, load

VECTORS = load("sid-encryption")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_recorded_encryption(vector: dict[str, Any]) -> None:
    message, codec = NatHoleSid(**vector["fields"]), SidCodec(vector["key"])
    key, datagram = derive_key(vector["key"]), bytes.fromhex(vector["datagram_hex"])
    assert key.hex() == vector["derived_aes_key_hex"]
    assert codec.decode(datagram) == message
    mine = codec.encode(message)
    assert len(mine) == len(datagram)
    assert decrypt_datagram(key, mine).hex() == vector["plaintext_hex"]
    assert codec.encode(message) != mine


def test_recorded_exchange() -> None:
    recorded = exchange("easy-easy-kcp")
    codec, seen = SidCodec(recorded["proxy_secret_key"]), 0
    for event in datagrams(recorded):
        if event["kind"] == "SID detect message":
            message = codec.decode(bytes.fromhex(event["payload_hex"]))
            assert message == NatHoleSid(**event["fields"])
            seen += 1
    assert seen == recorded["sid_messages_seen"]


@given(secret=st.text(max_size=20), sid=st.text(max_size=40), response=st.booleans())
def test_round_trip(secret: str, sid: str, response: bool) -> None:
    message = NatHoleSid(sid=sid, response=response, nonce="0" * 19)
    assert SidCodec(secret).decode(SidCodec(secret).encode(message) + b"more") == message


@given(st.binary(max_size=100))
def test_noise(datagram: bytes) -> None:
    with pytest.raises(ProtocolError):
        SidCodec("secret").decode(datagram)


def test_ids() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"\d{10}[0-9a-f]{16}", text) for text in ids)


def test_wrong_key_kind_and_size() -> None:
    codec, message = SidCodec("secret"), NatHoleSid(sid="1", transaction_id="2")
    datagram = codec.encode(message)
    with pytest.raises(RemoteProtocolError):
        SidCodec("other").decode(datagram)
    with pytest.raises(RemoteProtocolError, match="no whole message"):
        codec.decode(datagram[:-1])
    with pytest.raises(RemoteProtocolError, match="NatHoleReport in place"):
        codec.decode(encrypt_datagram(derive_key("secret"), encode(NatHoleReport(sid="1"))))
    with pytest.raises(RemoteProtocolError, match="longer than 1024"):
        codec.decode(bytes(LONGEST + 1))

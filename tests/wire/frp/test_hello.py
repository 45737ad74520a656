"""Negotiation of wire protocol v2."""

from __future__ import annotations

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.hello import (
    Bootstrap,
    ClientCapabilities,
    ClientHello,
    CryptoCapabilities,
    MessageCapabilities,
    ServerHello,
    accept_server_hello,
    answer_client_hello,
    new_client_hello,
)
from aiofrp.wire.frp.jsonbody import decode_body, encode_body
from aiofrp.wire.transforms.aead import ALGORITHMS
from tests.wire.vectors import load

HANDSHAKES = load("v2_crypto")["handshakes"]


def hello(codecs: tuple[str, ...], algorithms: tuple[str, ...], random: bytes) -> bytes:
    crypto = CryptoCapabilities(algorithms=algorithms, client_random=random)
    capabilities = ClientCapabilities(message=MessageCapabilities(codecs=codecs), crypto=crypto)
    return encode_body(ClientHello(capabilities=capabilities))


@pytest.mark.parametrize("handshake", HANDSHAKES, ids=lambda handshake: handshake["transcript_hash"][:8])
def test_golden_payloads(handshake: dict[str, str]) -> None:
    client, server = handshake["client_hello_payload"].encode(), handshake["server_hello_payload"].encode()
    sent = decode_body(ClientHello, client)
    assert encode_body(sent) == client
    assert sent.bootstrap == Bootstrap(transport="tcp", tls=True, tcp_mux=True)
    assert encode_body(decode_body(ServerHello, server)) == server
    assert accept_server_hello(sent, server) == handshake["algorithm"]
    assert answer_client_hello(client).selected.crypto.algorithm == handshake["algorithm"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_both_sides_agree(algorithm: str) -> None:
    sent = new_client_hello(Bootstrap(transport="kcp"), algorithms=("rot13", algorithm))
    answer = answer_client_hello(encode_body(sent))
    assert accept_server_hello(sent, encode_body(answer)) == algorithm
    assert encode_body(sent.bootstrap) == b'{"transport":"kcp"}'


def test_randomness_is_fresh() -> None:
    one, two = new_client_hello(Bootstrap()), new_client_hello(Bootstrap())
    assert one.capabilities.crypto.client_random != two.capabilities.crypto.client_random
    first, second = answer_client_hello(encode_body(one)), answer_client_hello(encode_body(one))
    assert first.selected.crypto.server_random != second.selected.crypto.server_random


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"{}", "unsupported message codec"),
        (hello(("cbor",), ALGORITHMS, bytes(32)), "unsupported message codec"),
        (hello(("json",), ALGORITHMS, bytes(31)), "invalid crypto client random length 31, want 32"),
        (hello(("json",), ("rot13",), bytes(32)), "no supported crypto algorithm"),
        (hello(("json",), (), b""), "invalid crypto client random length 0, want 32"),
    ],
)
def test_refused_hello_is_answered_with_an_error(payload: bytes, error: str) -> None:
    answer = encode_body(answer_client_hello(payload)).decode()
    assert answer == f'{{"selected":{{"message":{{"codec":"json"}},"crypto":{{}}}},"error":"{error}"}}'
    with pytest.raises(RemoteProtocolError, match=f"^{error}$"):
        accept_server_hello(new_client_hello(Bootstrap()), answer.encode())


def test_unreadable_hello_raises() -> None:
    with pytest.raises(RemoteProtocolError, match="ClientHello: "):
        answer_client_hello(b"[]")
    with pytest.raises(RemoteProtocolError, match="ServerHello: "):
        accept_server_hello(new_client_hello(Bootstrap()), b"")


@pytest.mark.parametrize(
    ("codec", "algorithm", "random", "reason"),
    [
        ("cbor", "aes-256-gcm", "A" * 43 + "=", "unsupported selected message codec: cbor"),
        ("json", "xchacha20-poly1305", "A" * 43 + "=", "was not offered: xchacha20-poly1305"),
        ("json", "", "A" * 43 + "=", "was not offered: $"),
        ("json", "aes-256-gcm", "AAAA", "invalid crypto server random length 3"),
    ],
)
def test_server_choice_is_checked(codec: str, algorithm: str, random: str, reason: str) -> None:
    crypto = f'{{"algorithm":"{algorithm}","serverRandom":"{random}"}}'
    payload = f'{{"selected":{{"message":{{"codec":"{codec}"}},"crypto":{crypto}}}}}'
    with pytest.raises(RemoteProtocolError, match=reason):
        accept_server_hello(new_client_hello(Bootstrap(), ("aes-256-gcm",)), payload.encode())

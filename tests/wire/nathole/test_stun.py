"""STUN requests and answers against recorded ones, and against everything that is none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.nathole.stun import (
    Binding,
    BindingRefused,
    binding_request,
    new_transaction,
    parse_response,
)
from tests.support.stun import COOKIE, ERROR, MAPPED, OTHER, XOR_MAPPED, address, attribute, response
from tests.wire.nathole.vectors import datagrams, exchange

TRANSACTION = bytes(range(12))
CHANGED = 0x0005


def parsed(*attributes: bytes, kind: int = 0x0101) -> Binding | None:
    return parse_response(response(TRANSACTION, *attributes, kind=kind), TRANSACTION)


def plain(host: str, port: int, kind: int = MAPPED) -> bytes:
    return attribute(kind, address(host, port))


def mixed(host: str, port: int) -> bytes:
    return attribute(XOR_MAPPED, address(host, port, COOKIE + TRANSACTION))


@pytest.mark.parametrize("name", ["easy-easy-quic", "regular-hard-mode4"])
def test_recorded(name: str) -> None:
    requests, answers = {}, 0
    for event in datagrams(exchange(name)):
        if not event["kind"].startswith("STUN"):
            continue
        payload = bytes.fromhex(event["payload_hex"])
        if event["kind"] == "STUN binding request":
            assert payload == binding_request(payload[8:])
            requests[event["from"], event["to"]] = payload[8:]
        else:
            binding = parse_response(payload, requests[event["to"], event["from"]])
            assert binding is not None
            assert binding.mapped == event["to"]
            if event["from"] == "198.51.100.1:3478":
                assert binding.other == "198.51.100.2:3479"
            answers += 1
    assert answers >= 4


def test_transactions_differ() -> None:
    assert len({new_transaction() for _ in range(100)}) == 100
    assert len(binding_request(new_transaction())) == 20


@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::10"])
def test_which_attribute_counts(host: str) -> None:
    text = f"[{host}]:40000" if ":" in host else f"{host}:40000"
    assert parsed(mixed(host, 40000)) == Binding(text, "")
    assert parsed(plain(host, 40000)) == Binding(text, "")
    old, new = plain("192.0.2.3", 3000, CHANGED), plain("198.51.100.4", 4000, OTHER)
    both = parsed(plain("192.0.2.1", 1), mixed(host, 40000), mixed("192.0.2.9", 9), old, new)
    assert both == Binding(text, "198.51.100.4:4000")
    assert parsed(plain(host, 40000), old) == Binding(text, "192.0.2.3:3000")
    assert parsed(attribute(0x8022, b"server"), plain(host, 40000)) == Binding(text, "")
    assert parsed(attribute(MAPPED, b"\xff" + address(host, 40000)[1:])) == Binding(text, "")


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x01",
        binding_request(TRANSACTION),
        response(TRANSACTION[::-1], plain("192.0.2.1", 1)),
        response(TRANSACTION, plain("192.0.2.1", 1)).replace(COOKIE, b"cook"),
        response(TRANSACTION, kind=0x0111)[:19],
        response(TRANSACTION, kind=0x0011),
    ],
)
def test_not_an_answer(datagram: bytes) -> None:
    assert parse_response(datagram, TRANSACTION) is None


GOOD = response(TRANSACTION, plain("192.0.2.1", 1))


@pytest.mark.parametrize(
    ("datagram", "error"),
    [
        (GOOD + b"\0", "malformed STUN response: packet is 33 bytes, header declares 32"),
        (GOOD[:-4], "malformed STUN response: packet is 28 bytes, header declares 32"),
        (
            GOOD[:2] + b"\0\x0d" + GOOD[4:],
            "malformed STUN response: message length 13 is not a multiple of 4",
        ),
        (
            GOOD[:22] + b"\0\x09" + GOOD[24:],
            "malformed STUN response: attribute 0x0001 value or padding is truncated",
        ),
        (
            GOOD[:22] + b"\xff\xff" + GOOD[24:],
            "malformed STUN response: attribute 0x0001 value or padding is truncated",
        ),
        (response(TRANSACTION), "no external address found"),
        (response(TRANSACTION, plain("192.0.2.1", 1, OTHER)), "no external address found"),
        (
            response(TRANSACTION, plain("192.0.2.1", 1), attribute(XOR_MAPPED, b"\0\1\0")),
            "malformed STUN response: address attribute is 3 bytes, want at least 4",
        ),
        (
            response(TRANSACTION, attribute(MAPPED, b"\0\1\0\1" + bytes(8))),
            "malformed STUN response: address family 0x01 has value length 12",
        ),
        (
            response(TRANSACTION, attribute(MAPPED, b"\0\2\0\1" + bytes(4))),
            "malformed STUN response: address family 0x02 has value length 8",
        ),
        (
            response(TRANSACTION, attribute(MAPPED, b"\0\3\0\1" + bytes(4))),
            "unsupported STUN address family: 0x03",
        ),
        (
            response(TRANSACTION, plain("192.0.2.1", 1), attribute(OTHER, b"")),
            "malformed STUN response: address attribute is 0 bytes, want at least 4",
        ),
    ],
)
def test_malformed(datagram: bytes, error: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_response(datagram, TRANSACTION)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"\0\0\4\x14Unknown", "STUN binding error 420: Unknown"),
        (b"\xab\xcd\xfc\x14", "STUN binding error 420"),
        (b"\0\0\4\x14" + "界".encode() * 127, "STUN binding error 420: " + "界" * 127),
        (
            b"\0\0\4\x14" + b"x" * 128,
            "malformed STUN response: ERROR-CODE reason is 128 characters, want fewer than 128",
        ),
        (b"\0\0\4\x14\xff", "malformed STUN response: ERROR-CODE reason is not valid UTF-8"),
        (b"\0\0\2\0", "malformed STUN response: invalid ERROR-CODE class 2 number 0"),
        (b"\0\0\4\x64", "malformed STUN response: invalid ERROR-CODE class 4 number 100"),
        (b"\0\0\4", "malformed STUN response: ERROR-CODE attribute is 3 bytes, want at least 4"),
    ],
)
def test_refused(value: bytes, error: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parsed(attribute(ERROR, value), attribute(ERROR, b"\0\0\5\0"), kind=0x0111)
    assert str(caught.value) == error
    assert isinstance(caught.value, BindingRefused) is error.startswith("STUN binding error")


def test_refused_without_code() -> None:
    with pytest.raises(RemoteProtocolError, match="has no ERROR-CODE attribute"):
        parsed(kind=0x0111)


@example(data=bytes(4))
@given(data=st.binary(max_size=64))
def test_any_attributes(data: bytes) -> None:
    for kind in (0x0101, 0x0111):
        with suppress(RemoteProtocolError):
            assert parse_response(response(TRANSACTION, data, kind=kind), TRANSACTION) is not None

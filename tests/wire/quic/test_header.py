"""What a server reads of QUIC packets without keys, and its tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.quic.header import LongHeader, RetryTokens, parse_long

#: The client's first packet of RFC 9001 appendix A.2, its header as sent (protected).
RFC_INITIAL = bytes.fromhex("c000000001088394c8f03e5157080000449e7b9aec34") + bytes(1178)
#: A Retry of RFC 9001 appendix A.4.
RFC_RETRY = bytes.fromhex("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba")


def initial(token: bytes = b"", *, destination: bytes = b"12345678", source: bytes = b"") -> bytes:
    """A client's first packet."""
    return b"".join(
        (
            b"\xc0\x00\x00\x00\x01",
            bytes((len(destination),)),
            destination,
            bytes((len(source),)),
            source,
            (0x4000 | len(token)).to_bytes(2, "big"),
            token,
            bytes(1200),
        )
    )


def test_the_example_of_the_rfc() -> None:
    assert parse_long(RFC_INITIAL) == LongHeader(1, bytes.fromhex("8394c8f03e515708"), b"", True, b"")


def test_other_packets_of_a_handshake_are_not_first_ones() -> None:
    for kind in (0xD0, 0xE0):
        header = parse_long(bytes((kind,)) + RFC_INITIAL[1:])
        assert header is not None
        assert not header.initial
    retry = parse_long(RFC_RETRY)
    assert retry == LongHeader(1, b"", bytes.fromhex("f067a5502a4262b5"), False, b"")


def test_a_packet_of_another_version_is_told_apart_by_ids_only() -> None:
    header = parse_long(RFC_INITIAL[:1] + b"\x6b\x33\x43\xcf" + RFC_INITIAL[5:])
    assert header == LongHeader(0x6B3343CF, bytes.fromhex("8394c8f03e515708"), b"", False, b"")


@pytest.mark.parametrize("token", [b"", b"t", bytes(63), bytes(64), bytes(300)])
def test_the_token_comes_with_it(token: bytes) -> None:
    header = parse_long(initial(token, source=b"abcd"))
    assert header == LongHeader(1, b"12345678", b"abcd", True, token)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        RFC_INITIAL[:6],
        b"\x40" + RFC_INITIAL[1:],
        RFC_INITIAL[:12],
        RFC_INITIAL[:14],
        initial(destination=bytes(21)),
        initial(source=bytes(21)),
        initial(b"token")[:20],
    ],
    ids=["empty", "short", "short header", "cut id", "no source", "long id", "long source", "cut token"],
)
def test_nonsense_has_no_header(datagram: bytes) -> None:
    assert parse_long(datagram) is None


@given(st.binary(max_size=80), st.integers(0, 60))
def test_any_bytes(data: bytes, keep: int) -> None:
    parse_long(data)
    parse_long(b"\xc0\0\0\0\x01" + data)
    parse_long(initial()[:keep] + data)


def test_a_token_is_for_one_address_and_a_short_time() -> None:
    tokens = RetryTokens(b"secret", lifetime=10)
    token = tokens.make(b"address", b"original", 1000)
    assert tokens.read(token, b"address", 1000) == b"original"
    assert tokens.read(token, b"address", 1010) == b"original"
    assert tokens.read(token, b"address", 1011) is None
    assert tokens.read(token, b"address", 999) is None
    assert tokens.read(token, b"other", 1000) is None
    assert RetryTokens(b"another").read(token, b"address", 1000) is None


@given(st.binary(max_size=60))
def test_a_token_cannot_be_made_up(data: bytes) -> None:
    tokens = RetryTokens(b"secret")
    token = tokens.make(b"address", b"original", 1000)
    assert tokens.read(data, b"address", 1000) is None
    for at in range(len(token)):
        forged = token[:at] + bytes((token[at] ^ 1,)) + token[at + 1 :]
        assert tokens.read(forged, b"address", 1000) is None
    assert tokens.read(token + data, b"address", 1000) == (b"original" if not data else None)

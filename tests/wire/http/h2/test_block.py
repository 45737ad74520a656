"""Header blocks: fields are counted as hpack would decode them, and limits hold before anything is decoded."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.http.h2.block import MAX_BLOCK, MAX_FIELDS, MAX_HUFFMAN, MAX_PARTS, HeaderBlock, count_fields
from aiofrp.wire.http.h2.frames import (
    CONTINUATION,
    END_HEADERS,
    HAS_PRIORITY,
    HEADERS,
    PADDED,
    CalmDown,
    Frame,
)

FIELDS = st.lists(
    st.tuples(st.sampled_from([b"a", b"cookie", b":path", b"x-" + b"n" * 200]), st.binary(max_size=300)),
    max_size=40,
)


def part(kind: int, flags: int, payload: bytes) -> Frame:
    return Frame(kind, flags, 1, len(payload).to_bytes(3) + bytes((kind, flags, 0, 0, 0, 1)) + payload)


@given(FIELDS, st.booleans())
def test_fields_are_counted_as_hpack_decodes_them(fields: list[tuple[bytes, bytes]], huffman: bool) -> None:
    encoder, decoder = Encoder(), Decoder()
    for _ in range(2):  # the second time they are in the table
        block = encoder.encode(fields, huffman=huffman)
        assert count_fields(block) == len(list(decoder.decode(block, raw=True))) == len(fields)


@given(st.binary(max_size=2000))
def test_anything_is_counted_or_refused(block: bytes) -> None:
    with suppress(CalmDown):
        assert 0 <= count_fields(block) <= MAX_FIELDS


@pytest.mark.parametrize("piece", [b"\x90", b"\x00\x01a\x00", b"\x20", b"\x40\x00\x00"])
def test_fields_have_a_limit(piece: bytes) -> None:
    assert count_fields(piece * MAX_FIELDS) == MAX_FIELDS
    with pytest.raises(CalmDown):
        count_fields(piece * (MAX_FIELDS + 1))


def test_huffman_code_has_a_limit_and_plain_text_none() -> None:
    assert count_fields(Encoder().encode([("a", "b" * 60_000)], huffman=False)) == 1
    with pytest.raises(CalmDown):
        count_fields(Encoder().encode([("a", "b" * 2 * MAX_HUFFMAN)], huffman=True))


def test_a_block_in_pieces() -> None:
    block, encoded = HeaderBlock(), Encoder().encode([("a", "b"), ("c", "d")])
    assert (
        block.receive(part(HEADERS, PADDED | HAS_PRIORITY, b"\x03\0\0\0\0\x10" + encoded[:2] + b"\0\0\0"))
        == 0
    )
    assert block
    assert block.receive(part(CONTINUATION, 0, encoded[2:4])) == 0
    assert block.receive(part(CONTINUATION, END_HEADERS, encoded[4:])) == 2
    assert not block


@pytest.mark.parametrize(("size", "most"), [(0, MAX_PARTS), (MAX_BLOCK // 8, 8)])
def test_a_block_without_end_has_a_limit(size: int, most: int) -> None:
    block = HeaderBlock()
    block.receive(part(HEADERS, 0, bytes(size)))
    for _ in range(most - 1):
        block.receive(part(CONTINUATION, 0, bytes(size)))
    with pytest.raises(CalmDown):
        block.receive(part(CONTINUATION, 0, bytes(size + 1)))

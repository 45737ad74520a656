"""Bodies under their count: whole, in any cuts, decoded; what does not end where it said is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.http.body import (
    LAST_CHUNK,
    MAX_CHUNK_LINE,
    MAX_TRAILERS,
    Body,
    BodyUntilEof,
    ChunkedBody,
    SizedBody,
    body_of,
    encode_chunk,
)
from aiofrp.wire.http.head import CHUNKED, UNTIL_EOF
from tests.wire.cuts import chunks


def feed_all(body: Body, data: bytes, step: int) -> None:
    """Feed ``data``, which never makes the body whole, ``step`` bytes at a time."""
    for start in range(0, len(data), step):
        body.receive_data(data[start : start + step])


CUTS = st.lists(st.integers(0, 200), max_size=20)
WHOLE = b'5\r\nhello\r\n00A;name="va lue";x\r\n0123456789\r\n0\r\nX-Sum: 15 \r\nY:\r\n\r\n'


def feed(body: Body, data: bytes, cuts: list[int]) -> int:
    """Feed ``data`` in parts until the body is whole; gives the bytes it took."""
    taken = 0
    for part in chunks(data, cuts):
        if body.done:
            break
        size = body.receive_data(part)
        assert body.done or size == len(part)
        taken += size
    return taken


@given(st.integers(0, 100), CUTS)
def test_a_sized_body_ends_after_its_size(size: int, cuts: list[int]) -> None:
    body = SizedBody(size)
    assert feed(body, bytes(size) + b"next", cuts) == size
    assert body.done
    body.receive_eof()


def test_a_sized_body_cut_short() -> None:
    body = SizedBody(5)
    assert body.receive_data(b"abc") == 3
    with pytest.raises(RemoteProtocolError, match="2 bytes before"):
        body.receive_eof()


def test_a_body_until_the_connection_ends() -> None:
    body = BodyUntilEof()
    assert body.receive_data(b"abc") == 3
    assert not body.done
    body.receive_eof()
    assert body.done


@given(CUTS)
def test_chunks_in_any_cuts(cuts: list[int]) -> None:
    body = ChunkedBody()
    assert feed(body, WHOLE + b"GET /next", cuts) == len(WHOLE)
    assert body.done
    assert body.take() == []
    body.receive_eof()


@given(CUTS)
def test_decoded_chunks_in_any_cuts(cuts: list[int]) -> None:
    body, payload = ChunkedBody(decode=True), b""
    for part in chunks(WHOLE, cuts):
        body.receive_data(part)
        payload += b"".join(body.take())
    assert body.done
    assert payload == b"hello0123456789"
    assert body.trailers == [(b"X-Sum", b"15"), (b"Y", b"")]


def test_byte_by_byte() -> None:
    body = ChunkedBody(decode=True)
    for position in range(len(WHOLE)):
        assert not body.done
        assert body.receive_data(WHOLE[position : position + 1]) == 1
    assert body.done
    assert b"".join(body.take()) == b"hello0123456789"


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5))
def test_our_own_chunks(pieces: list[bytes]) -> None:
    data = b"".join(map(encode_chunk, pieces)) + LAST_CHUNK
    body = ChunkedBody(decode=True)
    assert body.receive_data(data) == len(data)
    assert body.done
    assert b"".join(body.take()) == b"".join(pieces)


BROKEN = {
    "bytes after the chunk": b"5\r\nhelloX\r\n",
    "chunk too short": b"5\r\nhell\r\n0\r\n\r\n",
    "bare LF after the size": b"5\nhello\r\n",
    "bare LF after the chunk": b"5\r\nhello\n0\r\n",
    "bare CR after the size": b"5\rhello\r\n",
    "no size": b"\r\nhello\r\n",
    "sign": b"+5\r\nhello\r\n",
    "minus": b"-5\r\n",
    "prefix": b"0x5\r\nhello\r\n",
    "space before": b" 5\r\nhello\r\n",
    "space after": b"5 \r\nhello\r\n",
    "underscore": b"1_0\r\n",
    "overflow": b"10000000000000005\r\n",
    "control character in an extension": b"5;a\x01\r\nhello\r\n",
    "line in an extension": b'5;a="\n"\r\nhello\r\n',
    "folded trailer": b"0\r\nX: y\r\n z\r\n\r\n",
    "bare LF in trailers": b"0\r\nX: y\nZ: a\r\n\r\n",
    "trailer without colon": b"0\r\nX\r\n\r\n",
    "space before a trailer's colon": b"0\r\nX : y\r\n\r\n",
    "length as trailer": b"0\r\nContent-Length: 5\r\n\r\n",
    "coding as trailer": b"0\r\ntransfer-encoding: chunked\r\n\r\n",
    "host as trailer": b"0\r\nHost: b\r\n\r\n",
    "address as trailer": b"0\r\nX-Real-IP: 6.6.6.6\r\n\r\n",
    "disguised address as trailer": b"0\r\nx_forwarded.for: 6.6.6.6\r\n\r\n",
    "credential as trailer": b"0\r\nAuthorization: Basic eA==\r\n\r\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("step", [1, 1000])
def test_broken_chunks_are_refused(data: bytes, step: int) -> None:
    with pytest.raises(RemoteProtocolError):
        feed_all(ChunkedBody(), data, step)


def test_chunks_cut_short() -> None:
    for end in range(len(WHOLE) - 1):
        body = ChunkedBody()
        body.receive_data(WHOLE[:end])
        with pytest.raises(RemoteProtocolError):
            body.receive_eof()


def test_lines_have_a_limit() -> None:
    for data in (b"1;" + b"x" * MAX_CHUNK_LINE, b"0\r\nX: " + b"y" * MAX_TRAILERS):
        for step in (1000, len(data)):
            body = ChunkedBody()
            with pytest.raises(RemoteProtocolError):
                feed_all(body, data, step)
            assert len(body._line) <= MAX_TRAILERS


def test_trailers_have_a_limit_together() -> None:
    body = ChunkedBody(decode=True)
    trailer = b"X: " + b"y" * 1000 + b"\r\n"
    with pytest.raises(RemoteProtocolError):
        feed_all(body, b"0\r\n" + trailer * (MAX_TRAILERS // 1000 + 1), 100)
    assert len(body.trailers) <= MAX_TRAILERS // 1000


def test_the_body_of_a_size() -> None:
    assert isinstance(body_of(CHUNKED), ChunkedBody)
    assert isinstance(body_of(UNTIL_EOF), BodyUntilEof)
    assert body_of(0).done
    assert not body_of(1).done


@pytest.mark.parametrize("line", [b"5  ", b"5 \t ", b"5 ;name=value", b"0005      "])
def test_services_may_fill_a_chunk_size_up(line: bytes) -> None:
    data = line + b"\r\nhello\r\n0 \r\n\r\n"
    body = ChunkedBody(decode=True, of_service=True)
    assert body.receive_data(data) == len(data)
    assert body.done
    assert b"".join(body.take()) == b"hello"
    with pytest.raises(RemoteProtocolError):
        ChunkedBody().receive_data(data)

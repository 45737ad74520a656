"""Server names in ClientHellos of a real TLS client, in any cuts; what is none is refused, within limits."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.clienthello import MAX_HELLO, UNRECOGNIZED_NAME, ClientHelloReader
from tests.wire.cuts import chunks


def hello_for(name: str | None, protocols: tuple[str, ...] = ()) -> bytes:
    """The first bytes a TLS client sends to ``name``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if protocols:
        context.set_alpn_protocols(protocols)
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def fragmented(hello: bytes, size: int) -> bytes:
    """The message of one record in records of ``size`` bytes."""
    message = hello[5:]
    parts = [message[start : start + size] for start in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2) + part for part in parts)


def name_in(data: bytes) -> str:
    reader = ClientHelloReader()
    assert reader.receive_data(data)
    assert reader.server_name is not None
    return reader.server_name


HELLO = hello_for("Some.Example.COM", ("h2", "http/1.1"))


def test_the_name_of_a_real_client() -> None:
    assert name_in(HELLO) == "some.example.com"
    assert name_in(HELLO + b"early data") == "some.example.com"
    assert name_in(hello_for("a")) == "a"
    assert name_in(hello_for(None)) == ""


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100])
def test_fragmented_over_many_records(size: int) -> None:
    assert name_in(fragmented(HELLO, size)) == "some.example.com"


def test_byte_by_byte() -> None:
    for data in (HELLO, fragmented(HELLO, 7)):
        reader = ClientHelloReader()
        for position in range(len(data) - 1):
            assert not reader.receive_data(data[position : position + 1])
        assert reader.receive_data(data[-1:])
        assert reader.server_name == "some.example.com"


@given(st.lists(st.integers(0, 600), max_size=10))
def test_any_cuts(cuts: list[int]) -> None:
    reader = ClientHelloReader()
    answers = [reader.receive_data(part) for part in chunks(fragmented(HELLO, 50), cuts)]
    assert answers[-1]
    assert reader.server_name == "some.example.com"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x16\x02\x00\x00\x01\x01",
        b"\x16\x03\x01\x00\x00",  # an empty record
        b"\x16\x03\x01\x40\x01" + bytes(10),  # longer than records may be
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",  # a ServerHello
        b"\x16\x03\x01\x00\x04\x01\x01\x00\x01",  # a hello of 65,537 bytes
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",  # ends within its version
    ],
)
def test_what_is_no_hello_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ClientHelloReader().receive_data(data)


def with_name(extension: bytes) -> bytes:
    """A hello whose only extension is a server_name one with this content."""
    extensions = b"\x00\x00" + len(extension).to_bytes(2) + extension
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += len(extensions).to_bytes(2) + extensions
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


def test_names_of_other_kinds_are_passed_over() -> None:
    assert name_in(with_name(b"\x00\x09\x07\x00\x02xy\x00\x00\x01a")) == "a"
    assert name_in(with_name(b"\x00\x05\x07\x00\x02xy")) == ""


@pytest.mark.parametrize(
    "extension",
    [
        b"",
        b"\x00\x09\x00\x00\x03a.b",  # the list is longer than the extension
        b"\x00\x04\x00\x00\x05a",  # the name is longer than the list
        b"\x00\x05\x00\x00\x02a.",
        b"\x00\x05\x00\x00\x02\xc3\xa4",
    ],
)
def test_malformed_names_are_refused(extension: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ClientHelloReader().receive_data(with_name(extension))


def test_memory_is_bounded() -> None:
    reader = ClientHelloReader()
    head = b"\x16\x03\x01\x40\x00"
    assert not reader.receive_data(head + (0x01000000 + MAX_HELLO).to_bytes(4) + bytes(16380))
    while not reader.receive_data(head + bytes(16384)):
        assert len(reader._hello) <= MAX_HELLO
    assert len(reader._hello) + len(reader._record) <= MAX_HELLO + 4 * 16384


def test_the_alert_is_the_recorded_one() -> None:
    assert UNRECOGNIZED_NAME.hex() == "15030300020270"


@given(st.binary(max_size=100))
def test_any_bytes_are_refused_or_waited_for(data: bytes) -> None:
    for stream in (data, b"\x16\x03\x01\x00" + data, with_name(data[:40])):
        try:
            ClientHelloReader().receive_data(stream)
        except RemoteProtocolError:
            continue

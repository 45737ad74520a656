"""Addresses that peers name: one host and one port, or an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.nathole.endpoint import endpoint_text, parse_endpoint


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_round_trip(host: object, port: int) -> None:
    first = int(str(host).split(".")[0])
    text = endpoint_text(str(host), port)
    if str(host) in ("0.0.0.0", "255.255.255.255") or 224 <= first <= 239:
        with pytest.raises(RemoteProtocolError, match="not the address of one host"):
            parse_endpoint(text)
    else:
        assert parse_endpoint(text) == (str(host), port)


@pytest.mark.parametrize(
    "text",
    [
        *("", "127.0.0.1", ":", "127.0.0.1:", ":80", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:080"),
        *("127.0.0.1:+80", "127.0.0.1: 80", "127.0.0.1:８０", "127.0.0.1:80\n", "0127.0.0.1:80", "1.2.3:80"),
        *("localhost:80", "example.com:53", "[::1]:80", "::1:80", "127.0.0.1:80:90", "224.0.0.1:80"),
        *(
            "255.255.255.255:80",
            "0.0.0.0:80",
            "x" * 100_000,
            "1.2.3.4:" + "9" * 100_000,
            "9" * 100_000 + ":1",
        ),
    ],
)
def test_anything_else_is_refused_in_few_words(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_endpoint(text)
    assert len(str(caught.value)) < 200


@given(st.text(max_size=30))
def test_any_text(text: str) -> None:
    try:
        host, port = parse_endpoint(text)
    except RemoteProtocolError:
        return
    assert endpoint_text(host, port) == text

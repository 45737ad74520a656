"""Fields of HTTP/2 messages: what makes one malformed. Requests are attacked in ``e2e/test_http2_malformed.py``."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.http.h2.fields import Malformed, checked_request, checked_response, checked_trailers
from aiofrp.wire.http.head import Field

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"a")]
OK = (b":status", b"200")


def test_values_are_trimmed_and_the_order_stays() -> None:
    fields = [*GET, (b"te", b"trailers"), (b"x", b" y\t"), (b"host", b"a"), (b"x", b"")]
    assert checked_request(fields) == [*GET, (b"te", b"trailers"), (b"x", b"y"), (b"host", b"a"), (b"x", b"")]
    assert checked_response([OK, (b"x", b"y ")]) == [OK, (b"x", b"y")]
    assert checked_trailers([(b"x", b"\ty")]) == [(b"x", b"y")]


def test_what_connect_has_not() -> None:
    connect = [(b":method", b"CONNECT"), (b":authority", b"a:1")]
    assert checked_request(connect) == connect


@pytest.mark.parametrize(
    "fields",
    [[], [(b"x", b"y")], [(b":status", b"20")], [(b":status", b"2000")], [OK, OK], [OK, (b":path", b"/")]],
)
def test_malformed_responses(fields: list[Field]) -> None:
    with pytest.raises(Malformed):
        checked_response(fields)


@pytest.mark.parametrize(
    "field", [OK, (b":path", b"/"), (b"connection", b"close"), (b"X", b"y"), (b"x", b"\0")]
)
def test_malformed_trailers(field: Field) -> None:
    with pytest.raises(Malformed):
        checked_trailers([field])


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=4))
def test_any_fields_are_judged(fields: list[Field]) -> None:
    for check in (checked_request, checked_response, checked_trailers):
        with suppress(Malformed):
            assert not any(byte in value for _, value in check([*GET, *fields]) for byte in b"\r\n\0")

"""Whether a user takes gzip."""

from __future__ import annotations

import pytest

from aiofrp.wire.http.codings import accepts_gzip


@pytest.mark.parametrize(
    "value", [b"gzip", b"deflate, gzip;q=0.5, br", b"GZIP", b"x-gzip", b"br,gzip ; q=1.0"]
)
def test_users_that_take_it(value: bytes) -> None:
    assert accepts_gzip(value)


@pytest.mark.parametrize(
    "value", [b"", b"*", b"br", b"gzip;q=0", b"gzip; q=0.000", b"gzipped", b"identity, *;q=0"]
)
def test_users_that_do_not(value: bytes) -> None:
    assert not accepts_gzip(value)

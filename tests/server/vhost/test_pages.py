"""The answers of frps itself: their bytes, and the type of a page of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiofrp.http.answers import refusal
from aiofrp.server.vhost.pages import (
    NOT_FOUND,
    TUNNEL_OPEN,
    TUNNEL_UNAUTHORIZED,
    Pages,
    options_answer,
)
from aiofrp.wire.http.head import HeadError
from tests.support.web import recording


def test_the_page_and_the_tunnel_answers_are_the_recorded_ones() -> None:
    assert recording("vhost_404_no_route")[1].endswith(b"\r\n\r\n" + NOT_FOUND)
    assert len(NOT_FOUND) == 489
    assert Pages().tunnel_not_found() == recording("vhost_connect_404")[1] == recording("tcpmux_404")[1]
    assert recording("tcpmux_200_then_407")[1] == TUNNEL_OPEN + TUNNEL_UNAUTHORIZED
    assert refusal(HeadError("missing required Host header")) == recording("vhost_400_no_host")[1]


def test_connect_gets_the_page_as_a_tunnel_answer() -> None:
    assert Pages().not_found(b"CONNECT").raw == Pages().tunnel_not_found()
    assert not Pages().not_found().raw


def test_answers_without_a_body() -> None:
    assert options_answer().encode(1, [(b"X", b"y")]).endswith(b"\r\nContent-Length: 0\r\nX: y\r\n\r\n")
    assert not Pages().not_found().encode(1, (), body=False).endswith(NOT_FOUND)


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (b"<!DOCTYPE HTML><x>", b"text/html; charset=utf-8"),
        (b" \r\n\t<html lang=x>", b"text/html; charset=utf-8"),
        (b"<!--x-->", b"text/html; charset=utf-8"),
        (b"<htmlx>", b"text/plain; charset=utf-8"),
        (b'{"error": "not found"}', b"text/plain; charset=utf-8"),
        ("schöne Grüße".encode(), b"text/plain; charset=utf-8"),
        (b"", b"text/plain; charset=utf-8"),
        (b"\x89PNG\x00", b"application/octet-stream"),
    ],
)
def test_the_type_of_a_page_is_told_from_its_beginning(page: bytes, kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_bytes(page)
    answer = Pages(str(path)).not_found()
    assert answer.body == page
    assert dict(answer.fields)[b"Content-Type"] == kind


async def test_a_page_that_is_missing_does_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pages = Pages(str(tmp_path / "none"))
    for _ in range(1_000):
        assert pages.not_found().body == NOT_FOUND
    assert 1 <= len(caplog.records) < 300

"""One malformed request on an HTTP/2 connection ends its own stream and no other (RFC 9113 §8.1.1)."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.rawuser2 import Fields, RawUser, raw_user
from tests.support.web import http_site

METHOD, SCHEME, PATH = (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/")
HOST = (b":authority", b"web.test")
GOOD = [METHOD, SCHEME, PATH, HOST]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service that answers each request with its head, once the body in chunks is whole."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        if b"transfer-encoding: chunked" in head.lower():
            await reader.readuntil(b"0\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(head), head))


async def begun(user: RawUser) -> None:
    """Stream 1 has sent its head and some of its body."""
    user.send(user.headers(1, GOOD), user.body(1, b"first half"))
    await user.pong()


async def others_are_served(user: RawUser) -> None:
    """Stream 1, which was under way, and a new one get their answers."""
    user.send(user.body(1, b" and the rest", end=True), user.headers(5, GOOD, end=True))
    await user.over(1)
    await user.over(5)
    assert not user.closed
    assert (user.status[1], user.status[5]) == (b"200", b"200")


@pytest.mark.parametrize(
    "fields",
    [
        [*GOOD, (b"connection", b"keep-alive")],
        [*GOOD, (b"proxy-connection", b"keep-alive")],
        [*GOOD, (b"keep-alive", b"timeout=5")],
        [*GOOD, (b"transfer-encoding", b"chunked")],
        [*GOOD, (b"upgrade", b"websocket")],
        [*GOOD, (b"te", b"gzip")],
        [*GOOD, (b"X-Upper", b"y")],
        [*GOOD, (b"x y", b"z")],
        [*GOOD, (b"", b"no name")],
        [*GOOD, (b"x\xe9", b"y")],
        [*GOOD, (b"x", b"a\x00b")],
        [*GOOD, (b"x", b"a\r\nb: c")],
        [*GOOD, (b"host", b"other.test")],
        [*GOOD, PATH],
        [*GOOD, (b":unknown", b"x")],
        [*GOOD, (b":status", b"200")],
        [*GOOD, (b":protocol", b"websocket")],
        [METHOD, SCHEME, PATH, (b"x", b"y"), HOST],
        [SCHEME, PATH, HOST],
        [METHOD, PATH, HOST],
        [METHOD, SCHEME, HOST],
        [METHOD, SCHEME, (b":path", b""), HOST],
        [METHOD, SCHEME, PATH],
    ],
    ids=lambda fields: repr(fields[-1]),
)
@pytest.mark.parametrize("end", [True, False])
async def test_a_malformed_head_resets_its_stream(fields: Fields, end: bool) -> None:
    async with http_site({"web": echo}) as site, raw_user(site.port) as user:
        await begun(user)
        user.send(user.headers(3, fields, end=end))
        await user.over(3)
        assert 3 not in user.status
        if not end:  # what was on its way already
            user.send(user.body(3, b"more", end=True))
        await others_are_served(user)


@pytest.mark.parametrize(
    ("length", "body", "trailers"),
    [
        (b"5", b"four", ()),
        (b"5", b"sixsix", ()),
        (b"0", b"x", ()),
        (b"4", b"four", ((b":path", b"/"),)),
        (b"4", b"four", ((b"X-Upper", b"y"),)),
        (b"4", b"four", ((b"connection", b"close"),)),
    ],
)
async def test_a_malformed_body_resets_its_stream(length: bytes, body: bytes, trailers: Fields) -> None:
    async with http_site({"web": echo}) as site, raw_user(site.port) as user:
        await begun(user)
        user.send(user.headers(3, [*GOOD, (b"content-length", length)]), user.body(3, body, end=not trailers))
        if trailers:
            user.send(user.headers(3, trailers, end=True))
        await user.over(3)
        assert 3 not in user.status
        await others_are_served(user)


async def test_a_length_that_is_no_number_is_answered() -> None:
    async with http_site({"web": echo}) as site, raw_user(site.port) as user:
        await begun(user)
        user.send(user.headers(3, [*GOOD, (b"content-length", b"x")], end=True))
        await user.over(3)
        assert user.status[3] == b"400"
        await others_are_served(user)


async def test_blanks_around_a_value_are_trimmed() -> None:
    async with http_site({"web": echo}) as site, raw_user(site.port) as user:
        user.send(user.headers(1, [*GOOD, (b"x-blank", b"value "), (b"x-tab", b"\tvalue")], end=True))
        await user.over(1)
        assert user.status[1] == b"200"
        assert b"\r\nx-blank: value\r\n" in user.data[1]
        assert b"\r\nx-tab: value\r\n" in user.data[1]

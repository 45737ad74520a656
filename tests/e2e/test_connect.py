"""CONNECT on the vhost HTTP port: a tunnel only after the service agreed, and nothing unjudged without it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.test_http_streams import Manual
from tests.e2e.test_smuggling_http2 import SERVICES, check_neighbour, site_of
from tests.support.ends import until
from tests.support.web import http_site, ok, user_of
from tests.support.webservices import Maker

CONNECT = b"CONNECT web.test:443 HTTP/1.1\r\nHost: web.test:443\r\n\r\n"
HIDDEN = b"GET /admin/secret HTTP/1.1\r\nHost: web.test\r\nX-Real-IP: 6.6.6.6\r\nConnection: close\r\n\r\n"
#: A refusal, and answers of services that take CONNECT for any other method.
REFUSALS = [
    pytest.param(b"HTTP/1.1 405 No\r\nContent-Length: 2\r\n\r\nno", id="405"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", id="200"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", id="chunks"),
]

#: What comes with a CONNECT, and what comes after the answer to it.
ATTACKS = [
    pytest.param(CONNECT + HIDDEN, b"", id="in-one-piece"),
    pytest.param(CONNECT, HIDDEN, id="after-the-answer"),
    pytest.param(
        CONNECT.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nhello") + HIDDEN, b"", id="after-a-body"
    ),
    pytest.param(CONNECT.replace(b"1.1", b"1.0") + HIDDEN * 3, HIDDEN * 3, id="of-http-1.0"),
    pytest.param(
        CONNECT[:-2] + b"Connection: Upgrade\r\nUpgrade: x\r\n\r\n" + HIDDEN, HIDDEN, id="with-an-upgrade"
    ),
]


class Stubborn:
    """A service that refuses every CONNECT, keeps the connection, and serves all that follows."""

    def __init__(self, refusal: bytes) -> None:
        self._refusal = refusal
        self.heads: list[bytes] = []
        self.open = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with suppress(asyncio.IncompleteReadError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.heads.append(head)
                    writer.write(self._refusal if head.startswith(b"CONNECT") else ok(b"SECRET"))
        finally:
            self.open -= 1


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(("first", "then"), ATTACKS)
async def test_nothing_follows_a_connect_that_was_refused(first: bytes, then: bytes, refusal: bytes) -> None:
    service = Stubborn(refusal)
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(first)
        answer = await user.read_until(b"\nno")
        assert answer.startswith(b"HTTP/1.%b %b" % (b"0" if b"HTTP/1.0" in first else b"1", refusal[9:12]))
        assert b"connection: close" in answer.lower() or b"HTTP/1.0" in first
        user.send(then)
        with suppress(ConnectionResetError):
            assert (await user.rest()).strip(b"0\r\n") == b""
        await until(lambda: service.open == 0)
        vhost = site.server._vhost_ports.http
        user.writer.close()
        await until(lambda: not vhost.users and not vhost.idle)
    (head,) = service.heads
    assert head.startswith(b"CONNECT web.test:443 HTTP/1.1\r\n")


@pytest.mark.parametrize("rest", [(), ('routeByHTTPUser = "nobody"',)], ids=["location", "user"])
@pytest.mark.parametrize(("first", "then"), ATTACKS)
async def test_no_tunnel_leads_to_a_location_with_a_password(
    first: bytes, then: bytes, rest: tuple[str, ...]
) -> None:
    """The service says 2xx without a body to a CONNECT and goes on in HTTP."""
    service = Stubborn(b"HTTP/1.1 200 OK\r\n\r\n")
    whole = 'customDomains = ["*"]' if rest else 'customDomains = ["web.test"]'
    closed = (
        'customDomains = ["web.test"]',
        'locations = ["/admin"]',
        'httpUser = "u"',
        'httpPassword = "p"',
    )
    own = {"web": (whole,), "closed": closed, "other": ('customDomains = ["web.test"]', *rest)}
    if not rest:
        del own["other"]
    async with http_site(dict.fromkeys(own, service), own=own) as site, user_of(site.port) as user:
        user.send(first)
        assert (await user.read_until(b"\r\n\r\n")).split()[1] == b"403"
        user.send(then)
        with suppress(ConnectionResetError):
            assert b"SECRET" not in await user.rest()
        async with user_of(site.port) as other:
            other.send(b"GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
            assert (await other.read_until(b"SECRET")).startswith(b"HTTP/1.1 200")
    assert [head[:6] for head in service.heads] == [b"GET / "]


@pytest.mark.parametrize("make", SERVICES[1:])
@pytest.mark.parametrize(("first", "then"), ATTACKS)
async def test_nothing_follows_where_real_services_refuse(
    make: Maker, first: bytes, then: bytes, tmp_path: Path
) -> None:
    async with site_of(make, tmp_path, locked=False) as site, user_of(site.port) as neighbour:
        async with user_of(site.port) as user:
            user.send(first)
            answer = await user.read_until(b"\r\n\r\n")
            assert answer.split()[1] in (b"400", b"404", b"405")
            user.send(then)
            with suppress(ConnectionResetError):
                assert b"secret" not in await user.rest()
        await check_neighbour(neighbour, 0)
        assert not [request for request in site.service.heard() if "admin" in request.target]


async def test_a_tunnel_carries_what_was_sent_ahead_and_the_end() -> None:
    service = Manual()
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(CONNECT + b"ahead")
        user.writer.write_eof()
        reader, writer, _ = await service.request()
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        assert await reader.read() == b"ahead"
        writer.write(b"bye")
        writer.close()
        assert await user.rest() == b"HTTP/1.1 200 Connected\r\n\r\nbye"


async def test_a_service_that_does_not_answer_opens_no_tunnel() -> None:
    service = Manual()
    async with http_site({"web": service}, server="vhostHTTPTimeout = 1") as site, user_of(site.port) as user:
        user.send(CONNECT + b"ahead")
        reader, _, _ = await service.request()
        assert (await user.response("POST")).status == 504
        with suppress(ConnectionError):
            assert await reader.read() == b""

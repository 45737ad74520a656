"""http proxies through a whole tunnel: what is answered, by whom, and what the service sees."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.tunnel import client_config, running_client
from tests.support.web import (
    Request,
    Service,
    Site,
    http_proxy,
    http_site,
    ok,
    recording,
    saying,
    talk,
    user_of,
)

#: No user of a test is a front end that says whose a request is.
NOBODY_TRUSTED = "vhostTrustedAddresses = []"
RECORDED_OPTIONS = (
    'httpUser = "u1"',
    'httpPassword = "pw1"',
    'hostHeaderRewrite = "rewritten.local"',
    'requestHeaders.set.X-From-Where = "frp"',
    'responseHeaders.set.X-Resp = "rv"',
)


def without_date(answer: bytes) -> bytes:
    return b"\r\n".join(line for line in answer.split(b"\r\n") if not line.startswith(b"Date: "))


def echo_of(request: Request) -> bytes:
    """A response that shows the request, its fields sorted as the recorded service did."""
    lines = [b"%b %b HTTP/1.1" % (request.method, request.target)]
    lines += sorted(b"%b: %b" % (name.title(), value) for name, value in request.headers)
    return ok(b"\r\n".join([*lines, b"", b""]), b"Content-Type: text/plain", b"X-B: yes")


# As recorded


@pytest.mark.parametrize(
    "name",
    ["vhost_400_no_host", "vhost_401", "vhost_404_no_route", "vhost_407_absolute_form", "vhost_connect_404"],
)
async def test_frpss_own_answers_are_the_recorded_ones(name: str) -> None:
    sent, received, end = recording(name)
    assert end == "EOF"
    async with http_site({"web": Service()}, RECORDED_OPTIONS) as site:
        assert without_date(await talk(site.port, sent)) == without_date(received)


async def test_a_service_that_does_not_answer_in_time() -> None:
    sent, received, _ = recording("vhost_504")
    silent = Service(lambda request: b"")
    async with http_site({"plain": silent}, server="vhostHTTPTimeout = 1") as site:
        assert without_date(await talk(site.port, sent)) == without_date(received)
        await until(lambda: silent.open == 0)


async def test_a_request_and_its_response_as_recorded_but_for_what_is_ours() -> None:
    """The user's X-Real-IP is not believed, and no coding is asked for that the user does not read."""
    sent, received, _ = recording("vhost_ok_echo")
    expected = received.replace(b"X-Real-Ip: 8.8.8.8", b"X-Real-Ip: 127.0.0.1")
    expected = expected.replace(b"Accept-Encoding: gzip\r\n", b"").replace(b": 233", b": 212")
    async with http_site({"web": Service(echo_of)}, RECORDED_OPTIONS, server=NOBODY_TRUSTED) as site:
        answer = await talk(site.port, sent)
    assert sorted(without_date(answer).split(b"\r\n")) == sorted(without_date(expected).split(b"\r\n"))


@pytest.mark.parametrize(
    ("trusted", "real", "host", "proto"),
    [
        ("", b"6.6.6.6", b"shop.example", b"https"),
        ('vhostTrustedAddresses = ["10.0.0.1", "127.0.0.0/8"]', b"6.6.6.6", b"shop.example", b"https"),
        ('vhostTrustedAddresses = ["10.0.0.1", "::1"]', b"127.0.0.1", b"web.test", b"http"),
        (NOBODY_TRUSTED, b"127.0.0.1", b"web.test", b"http"),
    ],
)
async def test_a_front_end_that_is_trusted_says_whose_a_request_is(
    trusted: str, real: bytes, host: bytes, proto: bytes
) -> None:
    service = Service()
    said = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "X-Forwarded-Host": "shop.example",
        "X-Forwarded-Proto": "https",
    }
    async with http_site({"web": service}, server=trusted) as site, user_of(site.port) as user:
        fields = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        user.send(f"GET / HTTP/1.1\r\nHost: web.test\r\n{fields}\r\n".encode())
        await user.response()
    (request,) = service.requests
    assert request.values(b"x-forwarded-for") == [b"6.6.6.6, 127.0.0.1"]
    assert request.values(b"x-real-ip") == [real]
    assert request.values(b"x-forwarded-host") == [host]
    assert request.values(b"x-forwarded-proto") == [proto]


@pytest.mark.parametrize("value", ["close", "keep-alive", "Upgrade", "x-foo"])
@pytest.mark.parametrize("upgrade", [b"", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"])
async def test_the_connection_field_of_requests_is_what_a_proxy_sets(value: str, upgrade: bytes) -> None:
    """As Go's frps sends it, whatever the user asks for."""
    service = Service()
    options = (f'requestHeaders.set.Connection = "{value}"',)
    async with http_site({"web": service}, options) as site, user_of(site.port) as user:
        for _ in range(2):
            user.send(b"GET / HTTP/1.1\r\nHost: web.test\r\nX-Foo: 1\r\n" + upgrade + b"\r\n")
            assert (await user.response()).status == 200
    for request in service.requests:
        assert request.values(b"connection") == [value.encode()]
        assert request.values(b"upgrade") == ([b"websocket"] if upgrade else [])
        assert request.values(b"x-foo") == [b"1"]


async def test_a_proxy_may_end_its_users_connections() -> None:
    options = ('responseHeaders.set.Connection = "close"',)
    async with http_site({"web": Service()}, options) as site:
        answer = await talk(site.port, b"GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
    assert answer.count(b"\r\nConnection: close\r\n") == 1


# Routes


async def test_requests_of_one_connection_go_where_each_belongs() -> None:
    one, two = saying("one"), saying("two")
    async with http_site({"one": one, "two": two}) as site, user_of(site.port) as user:
        bodies = [
            (await user.get(host)).body for host in ("one.test", "TWO.test:80", "one.test.", "two.test")
        ]
        assert bodies == [b"one", b"two", b"one", b"two"]
        assert (await user.get("three.test")).status == 404
        assert (await user.get("one.test")).body == b"one"
    assert [request.values(b"host") for request in two.requests] == [[b"TWO.test:80"], [b"two.test"]]


async def test_pipelined_requests_are_answered_in_order() -> None:
    service = Service(lambda request: ok(request.target + request.body))
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(
            b"GET /1 HTTP/1.1\r\nHost: web.test\r\n\r\n"
            b"POST /2 HTTP/1.1\r\nHost: web.test\r\nContent-Length: 2\r\n\r\n-x"
            b"GET /3 HTTP/1.1\r\nHost: nowhere.test\r\n\r\n"
            b"POST /4 HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n-y\r\n0\r\n\r\n"
            b"GET /5 HTTP/1.1\r\nHost: web.test\r\n\r\n"
        )
        answers = [await user.response() for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 404, 200, 200]
    assert [answer.body for answer in answers if answer.status == 200] == [b"/1", b"/2-x", b"/4-y", b"/5"]


async def test_thousands_of_pipelined_requests_for_nobody() -> None:
    async with http_site({"web": Service()}) as site, user_of(site.port) as user:
        user.send(b"GET / HTTP/1.1\r\nHost: no.test\r\n\r\n" * 3000)
        for _ in range(3000):
            assert (await user.response()).status == 404


async def test_locations_and_users() -> None:
    services = {name: saying(name) for name in ("root", "api", "mine")}
    own = {
        "root": ('locations = ["/"]',),
        "api": ('locations = ["/api"]',),
        "mine": ('routeByHTTPUser = "me"',),
    }
    options = ('customDomains = ["web.test"]',)
    async with http_site(services, options, own=own) as site, user_of(site.port) as user:
        me = f"Authorization: {basic('me:')}"
        assert (await user.get("web.test", "/x")).body == b"root"
        assert (await user.get("web.test", "/api/x")).body == b"api"
        assert (await user.get("web.test", "/%61pi")).body == b"api"
        assert (await user.get("web.test", "/api", me)).body == b"mine"
        assert (await user.get("web.test", "/x/../api")).status == 400


async def test_a_path_that_resolves_to_the_same_route_passes_as_it_is() -> None:
    service = Service(lambda request: ok(request.target))
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        assert (await user.get("web.test", "//a/../b/./c%2f..")).body == b"//a/../b/./c%2f.."


async def test_wildcards_and_subdomains() -> None:
    services = {name: saying(name) for name in ("wild", "sub")}
    own = {"wild": ('customDomains = ["*.wild.test"]',), "sub": ("customDomains = []", 'subdomain = "my"')}
    subdomains = 'subDomainHost = "frps.test"'
    async with http_site(services, own=own, server=subdomains) as site, user_of(site.port) as user:
        assert (await user.get("a.b.wild.test")).body == b"wild"
        assert (await user.get("wild.test")).status == 404
        assert (await user.get("my.frps.test")).body == b"sub"


# Credentials


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        ("/", [], 401),
        ("/", [f"Authorization: {basic('u1:pw1')}"], 200),
        ("/", [f"Authorization: {basic('u1:pw2')}"], 401),
        ("/", [f"Authorization: {basic('u1')}"], 401),
        ("/", ["Authorization: Basic ???"], 401),
        ("/", [f"Authorization: Bearer{basic('u1:pw1')[5:]}"], 401),
        ("/", [f"authorization: bASIC{basic('u1:pw1')[5:]}"], 200),
        ("/", [f"Authorization: {basic('u1:pw2')}", f"Authorization: {basic('u1:pw1')}"], 401),
        ("/", [f"Proxy-Authorization: {basic('u1:pw1')}"], 401),
        ("http://web.test/", [f"Proxy-Authorization: {basic('u1:pw1')}"], 200),
        ("http://web.test/", [f"Authorization: {basic('u1:pw1')}"], 407),
        (
            "http://web.test/",
            [f"Proxy-Authorization: {basic('u1:x')}", f"Authorization: {basic('u1:pw1')}"],
            407,
        ),
    ],
)
async def test_credentials(target: str, fields: list[str], status: int) -> None:
    service = Service()
    async with http_site({"web": service}, RECORDED_OPTIONS) as site, user_of(site.port) as user:
        assert (await user.get("web.test", target, *fields)).status == status
        assert len(service.requests) == (status == 200)
        assert (await user.get("web.test", "/", f"Authorization: {basic('u1:pw1')}")).status == 200


async def test_the_route_and_the_password_are_judged_by_the_same_field() -> None:
    """routeByHTTPUser with a password: the name of one credential never goes with the password of another."""
    options = ('routeByHTTPUser = "alice"', 'httpUser = "alice"', 'httpPassword = "secret"')
    service = Service()
    right, wrong, other = basic("alice:secret"), basic("alice:wrong"), basic("bob:secret")
    async with http_site({"web": service}, options) as site, user_of(site.port) as user:
        for target, fields, status in (
            ("/", (), 404),
            ("/", (f"Authorization: {wrong}",), 401),
            ("/", (f"Authorization: {other}",), 404),
            ("http://web.test/", (), 404),
            ("http://web.test/", (f"Authorization: {right}",), 407),
            ("http://web.test/", (f"Proxy-Authorization: {wrong}", f"Authorization: {right}"), 407),
            ("http://web.test/", (f"Proxy-Authorization: {other}", f"Authorization: {right}"), 404),
        ):
            assert (await user.get("web.test", target, *fields)).status == status, (target, fields)
        assert service.requests == []
        assert (await user.get("web.test", "http://web.test/", f"Proxy-Authorization: {right}")).status == 200


# Nobody there


async def test_a_service_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    async with http_site({"web": Service()}) as site, user_of(site.port) as user:
        gone = client_config(site.server.address[1], http_proxy("gone", free_port()))
        async with running_client(gone):
            for _ in range(2):
                assert (await user.get("gone.test")).status == 404
            assert (await user.get("web.test")).status == 200
            assert (await user.get("nobody.test", "/a")).status == 404
    assert "do http proxy request [host: gone.test] error: EOF" in caplog.text
    assert "do http proxy request [host: nobody.test] error: no route found: nobody.test /a " in caplog.text


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent Length: 5\r\n\r\n", b"HTTP/1.1 101 x\r\n\r\n"],
)
async def test_a_service_that_speaks_nonsense(answer: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with http_site({"web": nonsense}) as site, user_of(site.port) as user:
        for _ in range(2):
            assert (await user.get("web.test")).status == 404


async def test_a_withdrawn_proxy_is_not_found_and_keeps_no_connection() -> None:
    service = Service()
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        assert (await user.get("web.test")).status == 200
        assert service.open == 1
        await site.client.proxies.update([])
        await until(lambda: service.open == 0)
        assert (await user.get("web.test")).status == 404


async def test_the_users_own_page_is_read_at_each_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page = tmp_path / "404.html"
    page.write_bytes(b"<html>mine</html>")
    async with http_site({}, server=f'custom404Page = "{page}"') as site, user_of(site.port) as user:
        answer = await user.get("no.test")
        assert (answer.body, answer.value(b"content-type")) == (
            b"<html>mine</html>",
            b"text/html; charset=utf-8",
        )
        page.write_bytes(b"now plain")
        answer = await user.get("no.test")
        assert (answer.body, answer.value(b"content-type")) == (b"now plain", b"text/plain; charset=utf-8")
        page.unlink()
        assert b"Faithfully yours" in (await user.get("no.test")).body
    assert f"read custom 404 page error: open {page}: no such file or directory" in caplog.text


# Connections to the service


async def test_one_connection_serves_one_request_after_another() -> None:
    service = Service()
    async with http_site({"web": service}) as site:
        for _ in range(3):
            async with user_of(site.port) as user:
                assert (await user.get("web.test")).status == 200
                assert (await user.get("web.test")).status == 200
    assert len(service.received) == 1
    assert len(service.requests) == 6


@pytest.mark.parametrize(
    "fields", [b"Connection: close", b"X: y\r\nConnection: x, Close", b"Connection: keep-alive"]
)
async def test_a_service_that_closes_is_asked_on_another_connection(fields: bytes) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(b"hello", fields))
        await writer.drain()
        writer.close()

    connections: list[asyncio.StreamWriter] = []
    async with http_site({"web": once}) as site, user_of(site.port) as user:
        for _ in range(5):
            answer = await user.get("web.test")
            assert (answer.status, answer.body, answer.value(b"connection")) == (200, b"hello", None)
    assert len(connections) == 5


async def test_encryption_and_compression() -> None:
    service = Service(lambda request: ok(request.body * 2))
    options = ("transport.useEncryption = true", "transport.useCompression = true")
    body = bytes(range(256)) * 400
    async with http_site({"web": service}, options) as site, user_of(site.port) as user:
        for _ in range(3):
            user.send(b"POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert (await user.response()).body == body * 2


async def test_requests_at_once_have_connections_of_their_own() -> None:
    async def ask(site: Site, number: int) -> bytes:
        async with user_of(site.port) as user:
            return (await user.get("web.test", f"/{number}")).body

    waiting = asyncio.Barrier(20)

    async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await waiting.wait()
        writer.write(ok(head.split()[1]))
        await reader.read()

    async with http_site({"web": together}) as site:
        bodies = await asyncio.gather(*(ask(site, number) for number in range(20)))
    assert bodies == [b"/%d" % number for number in range(20)]


# Methods, versions, statuses


async def test_options_of_frps_itself() -> None:
    async with http_site({}) as site, user_of(site.port) as user:
        user.send(b"OPTIONS * HTTP/1.1\r\nHost: any\r\n\r\n")
        answer = await user.response()
        assert (answer.status, answer.body, answer.value(b"content-length")) == (200, b"", b"0")


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_responses_without_a_body(method: str, answer: bytes) -> None:
    service = Service(lambda request: answer)
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        for _ in range(2):
            user.send(f"{method} / HTTP/1.1\r\nHost: web.test\r\n\r\n".encode())
            got = await user.response(method)
            assert (got.status, got.body) == (int(answer[9:12]), b"")
            if b"1000" in answer:
                assert got.value(b"content-length") == b"1000"
    assert len(service.received) == 1


async def test_users_of_http_1_0() -> None:
    service = Service(lambda request: ok(b"a") if request.target == b"/sized" else CHUNKED_ANSWER)
    async with http_site({"web": service}) as site:
        request = "GET {} HTTP/1.0\r\nHost: web.test\r\n{}\r\n"
        for target, fields in (("/sized", ""), ("/chunked", ""), ("/chunked", "Connection: keep-alive\r\n")):
            answer = await talk(site.port, request.format(target, fields).encode())
            assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
            assert b"Transfer-Encoding" not in answer
            assert answer.endswith(b"\r\n\r\na" if target == "/sized" else b"\r\n\r\nhello world")
        async with user_of(site.port) as user:
            for _ in range(2):
                user.send(request.format("/sized", "Connection: keep-alive\r\n").encode())
                got = await user.response()
                assert (got.version, got.body, got.value(b"connection")) == (b"1.0", b"a", b"keep-alive")
        assert (await talk(site.port, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 404 Not Found\r\n")


CHUNKED_ANSWER = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"
)


async def test_a_service_of_http_1_0_whose_body_ends_with_the_connection() -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200\nContent-Type: text/plain\n\nhello ")
        await writer.drain()
        writer.write(b"world")

    async with http_site({"web": old}) as site, user_of(site.port) as user:
        for _ in range(2):
            answer = await user.get("web.test")
            assert (answer.body, answer.value(b"transfer-encoding")) == (b"hello world", b"chunked")


async def test_a_services_reason_and_fields_pass_as_they_are() -> None:
    service = Service(
        lambda request: (
            b"HTTP/1.1 299 My Own\r\nx-UpperLower: 1\r\nX-UpperLower: 2\r\nContent-Length: 0\r\n\r\n"
        )
    )
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(b"GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
        answer = await user.read_until(b"\r\n\r\n")
    assert (
        without_date(answer)
        == b"HTTP/1.1 299 My Own\r\nx-UpperLower: 1\r\nX-UpperLower: 2\r\nContent-Length: 0\r\n\r\n"
    )

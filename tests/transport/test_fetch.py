"""Single requests of the programs themselves: ways, limits, failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from aiofrp.errors import ConnectFailed, FrpError, TimedOut
from aiofrp.transport import fetch as subject
from aiofrp.transport.fetch import MAX_ANSWER, Fetcher
from tests.support.certs import authority
from tests.support.outbound import http_proxy, socks_proxy
from tests.support.ports import free_port
from tests.support.tunnel import local_service

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def service(handler: Handler, *, tls: bool = False) -> AsyncIterator[str]:
    """A web service; yields its URL."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        context = authority().server_context() if tls else None
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"{request.method} {request.path}", status=201)


async def failure(url: str, fetcher: Fetcher | None = None) -> str:
    with pytest.raises(FrpError) as caught:
        await (fetcher or Fetcher()).get(url)
    return str(caught.value)


async def test_an_answer() -> None:
    async with service(hello) as url:
        answer = await Fetcher().get(f"{url}/x")
        assert (answer.status, answer.reason, answer.content_type) == (201, "Created", "text/plain")
        assert answer.body == b"GET /x"
        assert (await Fetcher().post(f"{url}/y", {"a": "b"})).body == b"POST /y"


@pytest.mark.parametrize("tls", [False, True])
async def test_through_a_socks_proxy(tls: bool) -> None:
    async with service(hello, tls=tls) as url, socks_proxy(("user", "pass")) as proxy:
        fetcher = Fetcher(
            tls=authority().client_context() if tls else None,
            proxy=f"socks5://user:pass@127.0.0.1:{proxy.port}",
        )
        assert (await fetcher.get(f"{url}/x")).body == b"GET /x"
        assert proxy.heads
        assert "no answer" not in await failure(url, Fetcher(proxy=f"socks5://127.0.0.1:{free_port()}"))


async def test_through_an_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    ok = b"HTTP/1.1 200 OK\r\n\r\n"
    async with service(hello, tls=True) as url, http_proxy(ok) as proxy:
        way = f"http://127.0.0.1:{proxy.port}"
        tls = authority().client_context()
        assert (await Fetcher(tls=tls, proxy=way).get(f"{url}/x")).body == b"GET /x"
        assert proxy.heads[0].startswith(b"CONNECT ")


async def test_the_environment_names_a_proxy_but_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async with local_service(serve) as port, service(hello) as url:
        for name in ("HTTP_PROXY", "no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{port}")
        assert (await Fetcher().get("http://id.example/x")).body == b"hi"
        assert heads[0].startswith(b"GET http://id.example/x HTTP/1.1\r\n")
        assert (await Fetcher().get(f"{url}/x")).body == b"GET /x"
        monkeypatch.setenv("no_proxy", "id.invalid")
        assert "lookup id.invalid" in await failure("http://id.invalid/x")
        assert "lookup id.invalid" in await failure("http://id.invalid/x", Fetcher(proxy=""))


async def test_failures_have_a_cause() -> None:
    port = free_port()
    assert await failure(f"http://127.0.0.1:{port}/a") == (
        f'Get "http://127.0.0.1:{port}/a": dial tcp 127.0.0.1:{port}: connection refused'
    )
    async with service(hello, tls=True) as url:
        assert "tls: failed to verify certificate" in await failure(url)
    assert "***" in await failure(f"http://me:secret@127.0.0.1:{port}/")
    for url in ("http://", "ftp://x/", "http://127.0.0.1:99999/"):
        assert url in await failure(url)


async def test_what_is_no_http_is_an_error() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-x\r\n\r\n")
        writer.close()

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with local_service(serve) as port:
        assert await failure(f"http://127.0.0.1:{port}/")
    async with local_service(nothing) as port:
        assert (await failure(f"http://127.0.0.1:{port}/")).endswith(": EOF")


async def test_a_long_answer_is_given_up_also_if_it_is_compressed() -> None:
    async def serve(request: web.Request) -> web.Response:
        response = web.Response(body=b"x" * (MAX_ANSWER + 1))
        if request.path == "/gzip":
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async with service(serve) as url:
        for path in ("/plain", "/gzip"):
            with pytest.raises(ConnectFailed, match=f"more than {MAX_ANSWER} bytes"):
                await Fetcher().get(url + path)


async def test_an_answer_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "TIMEOUT", 0.05)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with local_service(serve) as port:
        with pytest.raises(TimedOut, match=r"no answer within 0\.05 s"):
            await Fetcher().get(f"http://127.0.0.1:{port}/")


async def test_a_redirect_is_followed_but_not_with_a_form() -> None:
    async def serve(request: web.Request) -> web.Response:
        if request.path == "/a":
            raise web.HTTPTemporaryRedirect("/b")
        return await hello(request)

    async with service(serve) as url:
        assert (await Fetcher().get(f"{url}/a")).body == b"GET /b"
        assert (await Fetcher().post(f"{url}/a", {})).status == 307

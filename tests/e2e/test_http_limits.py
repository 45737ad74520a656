"""The vhost HTTP port under users that are slow, silent, too many or leave nothing but garbage."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
from typing import cast

import pytest

from aiofrp.http import deadline, serve, upstream
from aiofrp.http.serviceexchange import ServiceExchange
from aiofrp.http.v1 import times as times1
from aiofrp.http.v1 import user as user1
from aiofrp.http.v1.request import Request1
from aiofrp.http.v1.user import User1
from aiofrp.wire.http.headbuffer import MAX_HELD
from tests.support.ends import until
from tests.support.web import Service, http_site, ok, saying, talk, user_of

GET = b"GET / HTTP/1.1\r\nHost: web.test\r\n\r\n"


async def test_a_head_that_is_too_long_is_refused() -> None:
    async with http_site({"web": saying("web")}) as site:
        for head in (
            b"GET / HTTP/1.1\r\nHost: web.test\r\nX: " + b"x" * 70_000,
            b"GET / HTTP/1.1\r\nHost: web.test\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
            b"GET /" + b"x" * 70_000,
        ):
            answer = await talk(site.port, head)
            assert answer == (
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
                b"Connection: close\r\n\r\n431 Request Header Fields Too Large"
            )
        long = b"GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\nX: " + b"x" * 60_000 + b"\r\n\r\n"
        assert (await talk(site.port, long)).endswith(b"web")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: web.test\r\n", GET + b"GET"])
async def test_a_head_that_does_not_come_in_time_is_not_waited_for(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(times1, "HEAD_TIMEOUT", 0.2)
    async with http_site({"web": saying("web")}) as site, user_of(site.port) as user:
        user.send(sent)
        if sent.startswith(GET):
            assert (await user.response()).body == b"web"
        with pytest.raises(ConnectionResetError):
            await user.rest()


async def test_a_user_may_be_silent_between_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times1, "HEAD_TIMEOUT", 0.1)
    async with http_site({"web": saying("web")}) as site, user_of(site.port) as user:
        for _ in range(2):
            user.send(GET)
            assert (await user.response()).body == b"web"
            await asyncio.sleep(0.3)


async def test_the_longest_idle_user_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "MAX_IDLE", 3)
    async with http_site({"web": saying("web")}) as site, contextlib.AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(user_of(site.port)) for _ in range(3)]
        idle[0].send(GET)
        assert (await idle[0].response()).status == 200  # the youngest now
        idle[1].send(b"GET / HT")
        await asyncio.sleep(0.05)
        for number in range(2):
            other = await stack.enter_async_context(user_of(site.port))
            other.send(GET)
            assert (await other.response()).status == 200
            if number == 0:
                with pytest.raises(ConnectionResetError):
                    await idle[1].rest()
        assert await idle[2].rest() == b""
        idle[0].send(GET)
        assert (await idle[0].response()).status == 200


async def test_requests_ahead_are_read_up_to_a_limit() -> None:
    go_on = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await go_on.wait()
            writer.write(ok(b"x"))

    async with http_site({"web": slow}) as site, user_of(site.port) as user:
        request = GET[:-2] + b"X: " + b"y" * 1000 + b"\r\n\r\n"
        user.send(request * 1000)
        users = site.server._vhost_ports.http.users
        await until(lambda: users)
        (one,) = users
        assert isinstance(one, User1)
        await until(lambda: len(one._ahead) > user1.MAX_AHEAD)
        before = len(one._ahead)
        await asyncio.sleep(0.1)
        assert len(one._ahead) == before < 1_000_000
        go_on.set()
        for _ in range(1000):
            assert (await user.response()).body == b"x"


ANSWERED = {
    "with an error": b"GET / HTTP/1.1\r\nHost: none.test\r\n\r\n",
    "by the service": GET,
    "without a body": b"HEAD / HTTP/1.1\r\nHost: none.test\r\nX: " + b"y" * 500 + b"\r\n\r\n",
}


@pytest.mark.parametrize("how", ANSWERED)
async def test_a_user_that_reads_no_answers_is_not_read(how: str) -> None:
    """Requests without end and no reading: what frps holds is bounded, and others are served meanwhile."""
    async with http_site({"web": saying("web")}) as site:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1024)
        vhost = site.server._vhost_ports.http
        await until(lambda: vhost.users)
        (one,) = vhost.users
        assert isinstance(one, User1)
        sent = 0
        async with user_of(site.port) as other:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    while sent < 64 << 20:
                        writer.write(ANSWERED[how] * 500)
                        sent += len(ANSWERED[how]) * 500
                        await asyncio.wait_for(writer.drain(), 1)
                        assert (await other.get("web.test")).body == b"web"
            assert len(one._ahead) <= MAX_HELD
            assert sent < 48 << 20
            assert (await other.get("web.test")).body == b"web"
        writer.transport.abort()


async def test_a_user_that_takes_a_byte_now_and_then_gets_no_new_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "TAKE_WINDOW", 0.5)
    large = saying("x" * 30_000_000)
    async with http_site({"web": large}) as site:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1)
        writer.write(GET)
        began = asyncio.get_running_loop().time()
        sock = writer.get_extra_info("socket")
        cast(asyncio.Transport, writer.transport).pause_reading()
        users = site.server._vhost_ports.http.users
        await until(lambda: users)
        while users:
            with contextlib.suppress(BlockingIOError):
                os.read(sock.fileno(), 1)
            assert asyncio.get_running_loop().time() - began < 15
            await asyncio.sleep(0.05)
        writer.transport.abort()


async def test_a_slow_reader_keeps_its_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "TAKE_WINDOW", 1.0)
    async with http_site({"web": saying("x" * 20_000_000)}) as site, user_of(site.port) as user:
        user.send(GET)
        got = 0
        for _ in range(30):
            got += len(await user.read(200_000))
            await asyncio.sleep(0.1)
        while got < 20_000_000:
            got += len(await user.read())
        assert got > 20_000_000


async def test_a_body_that_trickles_is_refused_and_one_that_comes_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(times1, "BODY_WINDOW", 0.4)
    monkeypatch.setattr(times1, "BODY_LEAST", 100)
    head = b"POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 2000\r\n\r\n"
    async with http_site({"web": saying("web")}) as site:
        async with user_of(site.port) as user:
            user.send(head)
            for _ in range(20):
                user.send(bytes(100))
                await asyncio.sleep(0.1)
            assert (await user.response()).body == b"web"
        async with user_of(site.port) as user:
            user.send(head)

            async def trickle() -> None:
                while True:
                    user.send(b"x")
                    await asyncio.sleep(0.02)

            trickling = asyncio.create_task(trickle())
            answer = await user.read_until(b"\r\n\r\n")
            trickling.cancel()
            assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_a_connection_without_requests_has_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times1, "IDLE_TIMEOUT", 0.2)
    async with http_site({"web": saying("web")}) as site, user_of(site.port) as user:
        assert (await user.get("web.test")).body == b"web"
        with contextlib.suppress(ConnectionResetError):
            assert await user.rest() == b""


async def test_a_refused_user_may_read_why_although_it_goes_on_sending() -> None:
    async with http_site({"web": saying("web")}) as site, user_of(site.port) as user:
        user.send(b"GET / HTTP/1.1\nHost: web.test\r\n\r\n" + bytes(1 << 20))
        answer = await user.rest()
        assert answer.endswith(b"\r\n\r\n400 Bad Request")


async def test_thousands_of_slow_users_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "MAX_IDLE", 200)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with http_site({"web": saying("web")}) as site, contextlib.AsyncExitStack() as stack:
        for _ in range(1000):
            slow = await stack.enter_async_context(user_of(site.port))
            slow.send(b"GET / HTTP/1.1\r\nX: ")
        vhost = site.server._vhost_ports.http
        await until(lambda: len(vhost.idle) <= 200)
        assert len(vhost.users) <= 201
        async with user_of(site.port) as user:
            for _ in range(20):
                assert (await user.get("web.test")).body == b"web"


async def test_idle_connections_to_the_service_are_few_after_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "SURPLUS_SECONDS", 0.1)
    monkeypatch.setattr(upstream, "_CHECK_EVERY", 0.05)
    together = asyncio.Barrier(20)
    service = Service()

    async def at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await together.wait()
        writer.write(ok(b"x"))
        await service(reader, writer)

    async def ask(port: int) -> None:
        async with user_of(port) as user:
            assert (await user.get("web.test")).body == b"x"

    async with http_site({"web": at_once}) as site:
        await asyncio.gather(*(ask(site.port) for _ in range(20)))
        await until(lambda: service.open == upstream.KEPT)
        async with user_of(site.port) as user:
            assert (await user.get("web.test")).body == b"hello"
        monkeypatch.setattr(upstream, "KEPT_SECONDS", 0.1)
        await until(lambda: service.open == 0)


async def test_nothing_is_left_of_users_that_came_and_went() -> None:
    async with http_site({"web": saying("web")}) as site:
        for sent in (
            b"",
            b"GET",
            GET,
            GET + GET,
            b"\x00",
            b"PRI * HTTP/2.0\r\n\r\nxx",
            GET[:-2] + b"Expect: 1\r\n\r\n",
        ):
            async with user_of(site.port) as user:
                user.send(sent)
                await asyncio.sleep(0.01)
        vhost = site.server._vhost_ports.http
        await until(lambda: not vhost.users and not vhost.idle)
        await site.client.proxies.update([])
        await until(
            lambda: (
                not site.server.proxies._traffic
                or not any(t.open for t in site.server.proxies._traffic.values())
            )
        )


def of_users() -> list[object]:
    """What is there of users and their requests."""
    return [thing for thing in gc.get_objects() if isinstance(thing, User1 | Request1 | ServiceExchange)]


async def test_nothing_waits_for_the_garbage_collector() -> None:
    async with http_site({"web": saying("web")}) as site:
        gc.collect()
        gc.disable()
        try:
            async with user_of(site.port) as user:
                for _ in range(5):
                    assert (await user.get("web.test")).body == b"web"
                assert len(of_users()) == 1
            await until(lambda: not of_users())
        finally:
            gc.enable()


async def test_other_proxies_may_come_and_go_under_load() -> None:
    """No request to an untouched proxy fails while another one changes again and again."""
    over = False
    statuses: list[int] = []

    async def ask(port: int) -> None:
        async with user_of(port) as user:
            while not over:
                statuses.append((await user.get("web.test")).status)

    async with http_site({"web": saying("web"), "other": saying("other")}) as site:
        asking = [asyncio.create_task(ask(site.port)) for _ in range(8)]
        configs = [proxy.config for proxy in site.client.proxies.running()]
        kept = [config for config in configs if config.name == "web"]
        for _ in range(30):
            await site.client.proxies.update(kept)
            await site.client.proxies.update(configs)
            await asyncio.sleep(0.02)
        over = True
        await asyncio.gather(*asking)
    assert len(statuses) > 100
    assert set(statuses) == {200}

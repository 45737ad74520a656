"""Health checks: the verdict as a plain count, the checks against real services."""

from __future__ import annotations

import asyncio
import re

import pytest

from aiofrp.client.health import CheckFailed, Health, check_http, check_tcp, is_checked, url_of
from aiofrp.config.load.decode import decode_proxy
from aiofrp.config.models.proxy import HealthCheck, ProxyConfig
from aiofrp.config.models.shared import HttpHeader
from aiofrp.errors import ConnectFailed
from tests.support.ports import free_port
from tests.support.services import tcp_echo
from tests.support.tunnel import local_service


def verdicts(max_failed: int, checks: str) -> str:
    """The verdict after each check: ``+`` succeeded, ``-`` failed; a change is upper case."""
    health, seen = Health(max_failed), ""
    for check in checks:
        changed = health.succeeded() if check == "+" else health.failed()
        verdict = "g" if health.good else "b"
        seen += verdict.upper() if changed else verdict
    return seen


@pytest.mark.parametrize(
    ("max_failed", "checks", "expected"),
    [
        (1, "--++-+", "bbGgBG"),
        (3, "+--+--+---", "Ggggggggg" + "B"),
        (3, "-----+--", "bbbbbGgg"),
        (2, "+----+", "GgBbbG"),
    ],
)
def test_failures_in_a_row_count(max_failed: int, checks: str, expected: str) -> None:
    assert verdicts(max_failed, checks) == expected


# Checks


async def test_a_port_somebody_listens_on_is_well() -> None:
    async with tcp_echo() as port:
        await check_tcp("127.0.0.1", port, 5)


async def test_a_port_nobody_listens_on_is_not() -> None:
    port = free_port()
    with pytest.raises(ConnectFailed, match=f"dial tcp 127.0.0.1:{port}: connect: connection refused"):
        await check_tcp("127.0.0.1", port, 5)


class Web:
    """A service that answers each path with a status line of its own, and keeps the heads it saw."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.heads: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        path = head.split(" ", 2)[1]
        answer = self.answers.get(path, "404 Not Found")
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


async def test_a_redirect_is_followed_and_headers_are_sent() -> None:
    web = Web({"/old?x=1": "302 Found\r\nLocation: /new", "/new": "204 No Content"})
    headers = (HttpHeader(name="X-Who", value="first"), HttpHeader(name="x-who", value="frp"))
    check = HealthCheck(
        type="http", path="old?x=1", http_headers=(*headers, HttpHeader(name="Host", value="a.b"))
    )
    async with local_service(web) as port:
        await check_http(url_of(check, "127.0.0.1", port), check, 5)
    assert [head.split(" ", 2)[1] for head in web.heads] == ["/old?x=1", "/new"]
    assert re.findall(r"(?im)^x-who: (.*)\r$", web.heads[0]) == ["frp"]
    assert re.findall(r"(?im)^host: (.*)\r$", web.heads[0]) == ["a.b"]


@pytest.mark.parametrize("status", ["500 Internal Server Error", "404 Not Found", "304 Not Modified"])
async def test_any_other_status_is_a_failure(status: str) -> None:
    check = HealthCheck(type="http", path="/")
    async with local_service(Web({"/": status})) as port:
        with pytest.raises(
            CheckFailed, match=rf"^do http health check, StatusCode is \[{status[:3]}\] not 2xx$"
        ):
            await check_http(url_of(check, "127.0.0.1", port), check, 5)


async def test_no_service_no_answer_and_no_http() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")

    check = HealthCheck(type="http", path="/")
    with pytest.raises(CheckFailed):
        await check_http(url_of(check, "127.0.0.1", free_port()), check, 5)
    for handler, timeout in ((silent, 0.05), (rude, 5)):
        async with local_service(handler) as port:
            with pytest.raises(CheckFailed):
                await check_http(url_of(check, "127.0.0.1", port), check, timeout)


@pytest.mark.parametrize(("path", "url"), [("status", "/status"), ("/status?a=b", "/status?a=b"), ("", "/")])
def test_where_a_check_asks(path: str, url: str) -> None:
    check = HealthCheck(type="http", path=path)
    assert url_of(check, "::1", 80) == "http://[::1]:80" + url


@pytest.mark.parametrize(
    ("extra", "checked"),
    [
        ({}, False),
        ({"healthCheck": {"type": "tcp"}}, True),
        ({"healthCheck": {"type": "tcp"}, "localPort": 0}, False),
    ],
)
def test_which_proxies_are_checked(extra: dict[str, object], checked: bool) -> None:
    config: ProxyConfig = decode_proxy({"name": "x", "type": "tcp", "localPort": 80, **extra})
    assert is_checked(config) is checked

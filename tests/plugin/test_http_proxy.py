"""http_proxy through a whole tunnel: the recorded replies, tunnels, targets that fail, the environment's proxies."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import pytest

from tests.support.ports import free_port
from tests.support.tunnel import (
    client_config,
    echo,
    local_service,
    running_client,
    running_server,
    server_config,
)
from tests.support.web import User, echoing, upgrading, user_of

RECORDED = Path(__file__).parent.parent / "vectors" / "client-api" / "plugins-http.json"
CASES = {
    case["label"]: case for case in json.loads(RECORDED.read_text())["http"] if case["plugin"] == "http_proxy"
}
LOGIN = 'httpUser = "u"\nhttpPassword = "p"\n'
#: What the reference adds to requests, or leaves in them although the user's Connection field names it.
NOT_OURS = ("User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip", "X-Hop: 1")


@asynccontextmanager
async def proxied(
    options: str = LOGIN, environment: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[User]:
    """A user of the plugin; ``environment`` is set after the configuration was read, which looks at it too."""
    remote = free_port()
    text = f"""
[[proxies]]
name = "p"
type = "tcp"
remotePort = {remote}
[proxies.plugin]
type = "http_proxy"
{options}
"""
    async with running_server(server_config()) as frps:
        config = client_config(frps.address[1], text)
        with patch.dict(os.environ, environment):
            async with running_client(config), user_of(remote) as user:
                yield user


def undated(reply: str) -> list[str]:
    """The head of a reply, its fields sorted, without the date."""
    line, *fields = reply.partition("\r\n\r\n")[0].split("\r\n")
    return [line, *sorted(field for field in fields if not field.startswith("Date: "))]


SPECIAL = ("plain, ok, hop headers", "CONNECT, ok then request in the same segment", "connect in lower case")
PLAIN = [label for label in CASES if label not in SPECIAL]


@pytest.mark.parametrize("label", PLAIN)
async def test_recorded_replies(label: str) -> None:
    """Those to targets that are down were recorded without a password."""
    case = CASES[label]
    async with proxied("" if "down" in label or "origin" in label else LOGIN) as user:
        begun = asyncio.get_running_loop().time()
        user.send(case["request"].encode())
        head = (await user.read_until(b"\r\n\r\n")).decode()
        waited = asyncio.get_running_loop().time() - begun
    assert undated(head) == undated(case["reply"])
    assert waited > 0.19 or "wrong password" not in label


async def test_the_recorded_request_reaches_its_target() -> None:
    """Without what the reference adds, and without the field that the user's Connection field names; a TE that asks for
    trailers passes."""
    case = CASES["plain, ok, hop headers"]
    async with local_service(echoing()) as local, proxied() as user:
        user.send(case["request"].replace("17602", str(local)).encode())
        received = (await user.response()).body.decode().splitlines()
    echoed = case["reply"].partition("\r\n\r\n")[2].partition("\n\n")[0].replace("17602", str(local))
    line, *fields = (text for text in echoed.split("\n") if text not in NOT_OURS)
    assert received[0] == line
    assert sorted(received[1:]) == sorted(field.lower() for field in [*fields, "TE: trailers"])


async def test_a_request_right_after_connect_is_in_the_tunnel() -> None:
    case = CASES["CONNECT, ok then request in the same segment"]
    async with local_service(echoing()) as local, proxied() as user:
        user.send(case["request"].replace("17602", str(local)).encode())
        assert await user.read_until(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\n\r\n"
        assert (await user.response()).body.startswith(b"GET /in-tunnel HTTP/1.1\n")


async def test_connect_in_lower_case_is_another_method() -> None:
    async with proxied() as user:
        user.send(CASES["connect in lower case"]["request"].encode())
        assert (await user.rest()).startswith(b"HTTP/1.1 400 ")


async def test_a_tunnel_carries_bytes_both_ways_and_half_closes() -> None:
    async with local_service(echo) as local, proxied("") as user:
        user.send(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\nearly" % local)
        assert await user.read_until(b"early") == b"HTTP/1.1 200 OK\r\n\r\nearly"
        user.send(b"late")
        user.writer.write_eof()
        assert await user.rest() == b"late"


async def test_requests_go_to_their_targets_one_after_another() -> None:
    one, two = echoing(), echoing()
    async with local_service(one) as first, local_service(two) as second, proxied("") as user:
        for port in (first, second, first, second):
            response = await user.get("ignored.test", f"http://localhost:{port}/%2f?a=%zz;b")
            assert response.body.startswith(b"GET /%%2f?a=%%zz;b HTTP/1.1\nhost: localhost:%d\n" % port)
    assert (len(one.received), len(two.received)) == (1, 1)  # connections


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("ftp://a.test/", 500, b'unsupported protocol scheme "ftp"\n'),
        ("http://127.0.0.1:1/", 500, b"dial tcp 127.0.0.1:1: connect: connection refused\n"),
        ("http://127.0.0.1:x/", 500, b"address 127.0.0.1:x: not of the form host:port\n"),
    ],
)
async def test_a_target_that_fails_leaves_the_connection_to_the_next_request(
    target: str, status: int, text: bytes
) -> None:
    async with local_service(echoing()) as local, proxied("") as user:
        response = await user.get("a.test", target)
        assert (response.status, response.body) == (status, text)
        assert (await user.get("a.test", f"http://127.0.0.1:{local}/")).status == 200


@pytest.mark.parametrize("line", ["CONNECT 127.0.0.1:1 HTTP/1.1", "CONNECT 127.0.0.1 HTTP/1.1"])
async def test_a_tunnel_to_nobody(line: str, caplog: pytest.LogCaptureFixture) -> None:
    async with proxied("") as user:
        user.send(f"{line}\r\nHost: x\r\n\r\n".encode())
        assert await user.rest() == b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    assert any("http_proxy: no tunnel to [127.0.0.1" in record.getMessage() for record in caplog.records)


async def test_an_upgrade_passes() -> None:
    async with local_service(upgrading) as local, proxied("") as user:
        user.send(
            b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi"
            % local
        )
        assert b" 101 " in await user.read_until(b"\r\n\r\n")
        assert await user.read_until(b"HI") == b"HI"


async def test_a_proxy_of_the_environment_gets_the_target_whole() -> None:
    service = echoing()
    async with local_service(service) as local:
        environment = {"HTTP_PROXY": f"http://me:secret@127.0.0.1:{local}", "NO_PROXY": "direct.test"}
        async with proxied("", environment) as user:
            response = await user.get("x", "http://far.test/p?q")
    lines = response.body.decode().splitlines()
    assert lines[0] == "GET http://far.test/p?q HTTP/1.1"
    assert {line.lower() for line in lines[1:3]} == {
        "host: far.test",
        "proxy-authorization: basic bwu6c2vjcmv0",
    }


@pytest.mark.parametrize("method", ["CONNECT", "GET"])
async def test_names_are_looked_up_in_threads_that_nobody_else_needs(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who asks for names of a silent server holds up other users of the proxy at most."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def seen(host: str, *more: Any, **options: Any) -> Any:
        if host == "localhost" and "flags" not in options:
            asked.append(threading.current_thread().name)
        return real(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", seen)
    async with local_service(echoing()) as local, proxied("") as user:
        name = f"localhost:{local}"
        target = name if method == "CONNECT" else f"http://{name}/"
        user.send(f"{method} {target} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        assert (await user.read_until(b"\r\n")).startswith(b"HTTP/1.1 200 ")
    assert set(asked) == {"aiofrp-user"}

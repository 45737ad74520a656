"""HTTP traffic of the load generator against its own server, and against services that answer wrongly."""

from __future__ import annotations

import argparse
import asyncio

import pytest

from bench import webload
from bench.loadgen import Client
from bench.server import Chooser
from bench.web import request, response_length
from tests.bench.test_loadgen import address
from tests.support.tunnel import Handler, exchange, local_service

__all__ = ["address"]


def options(size: int = 1024) -> argparse.Namespace:
    return argparse.Namespace(connections=2, size=size, seconds=0.1)


async def test_requests_on_kept_connections_are_counted(address: tuple[str, int]) -> None:
    figures = await webload.keep_alive(address, options())
    assert figures["per_s"] > 0
    assert 0 < figures["p50_us"] <= figures["p99_us"]


async def test_requests_on_new_connections_are_counted(address: tuple[str, int]) -> None:
    figures = await webload.close(address, options())
    assert figures["per_s"] > 0
    assert figures["errors"] == 0


@pytest.mark.parametrize("client", [webload.get, webload.post])
@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1])
async def test_large_bodies_are_counted_whole(client: Client, size: int, address: tuple[str, int]) -> None:
    figures = await client(address, options(size))
    assert figures["bytes"] > 0
    assert figures["bytes"] % size == 0
    assert figures["MBps"] > 0


async def test_slow_users_are_beside_the_others(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webload, "SLOW_USERS", 100)
    figures = await webload.slowloris(address, options())
    assert figures["cut"] == 0
    assert figures["times"] == figures["p99_us"] / figures["before_p99_us"]


def saying(*answers: bytes) -> Handler:
    """A service with one answer after the other, then an end."""

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)

    return service


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], "answered b'HTTP/1.1 404"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy"], "40 bytes instead of 39"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"], "lost: "),
    ],
)
async def test_wrong_answers_fail(answers: list[bytes], why: str) -> None:
    async with local_service(saying(*answers)) as port:
        with pytest.raises(RuntimeError, match=why):
            await webload.ask(("127.0.0.1", port), 1, request("GET", 1), 1)


def test_the_length_of_a_response() -> None:
    assert response_length(b"HTTP/1.1 200 OK\r\nContent-Len") == 0
    assert response_length(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n") == 39 + 12
    with pytest.raises(ValueError, match="without a length"):
        response_length(b"HTTP/1.1 200 OK\r\n\r\n")


async def test_a_connection_that_begins_otherwise_is_ended() -> None:
    server = await asyncio.get_running_loop().create_server(Chooser, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await exchange(port, b"?") == b""

"""Calls to an admin API: what is sent, which answers are understood, and what is said about the others."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from aiofrp.cli.admin.api import AdminError, Api
from aiofrp.cli.admin.place import ApiPlace
from aiofrp.config.models.types import Secret
from tests.support.services import silent
from tests.support.tunnel import PATIENCE, local_service


class Answering:
    """A service that reads one request and sends ``answer``."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.request = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        writer.close()


async def called(answer: bytes, method: str = "GET") -> tuple[bytes, bytes]:
    """The body that a call gives, and the request it sent."""
    service = Answering(answer)
    async with local_service(service) as port:
        api = Api(ApiPlace("127.0.0.1", port, "u", Secret("pä")), PATIENCE)
        return await asyncio.to_thread(api.call, method, "/api/x"), service.request


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200\r\ncontent-length:4\r\n\r\nbody",
    ],
)
async def test_answers(answer: bytes) -> None:
    body, request = await called(answer)
    assert body == b"body"
    assert request.startswith(b"GET /api/x HTTP/1.0\r\nHost: 127.0.0.1:")
    assert b"Authorization: Basic dTpww6Q=\r\n" in request


async def test_an_answer_is_complete_when_its_length_is_there() -> None:
    async def staying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.read(-1)  # it closes only after the caller

    async with local_service(staying) as port:
        assert await asyncio.to_thread(Api(ApiPlace("", port), PATIENCE).call, "POST", "/") == b"ok"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"", "this is no answer of a frpc: it closed the connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", r"this is no answer of a frpc: b'SSH-2\.0"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "its head is too long"),
        (b"HTTP/1.1 4x0 No\r\n\r\n", "this is no answer of a frpc: b'HTTP/1.1 4x0"),
        (b"HTTP/1.1 401 No\r\n\r\nno json", r"^api status code \[401\]$"),
        (b'HTTP/1.1 400 No\r\n\r\n{"Code":400,"Msg":"bad"}', r"^api status code \[400\]\nbad$"),
        (b"HTTP/1.1 500 No\r\n\r\n[]", r"^api status code \[500\]$"),
    ],
)
async def test_other_answers(answer: bytes, text: str) -> None:
    with pytest.raises(AdminError, match=text):
        await called(answer)


def test_why_an_api_cannot_be_used(tmp_path: Path, free_port: int) -> None:
    for host, where in (("127.0.0.1", f"127.0.0.1:{free_port}"), ("::1", f"[::1]:{free_port}")):
        with pytest.raises(AdminError) as caught:
            Api(ApiPlace(host, free_port), PATIENCE).call("GET", "/api/status")
        assert str(caught.value).startswith(f'Get "http://{where}/api/status": dial tcp {where}: connect: ')
    secured = ApiPlace("127.0.0.1", free_port, secured=True, cert_file=str(tmp_path / "none"))
    with pytest.raises(AdminError, match="no such file or directory"):
        Api(secured, PATIENCE).call("GET", "/")


def test_an_api_that_says_nothing() -> None:
    with silent() as port:
        api = Api(ApiPlace("127.0.0.1", port), 0.05)
        expected = re.escape(
            f'Post "http://127.0.0.1:{port}/api/stop": context deadline exceeded: no answer in 0.05 s'
        )
        with pytest.raises(AdminError, match=f"^{expected}$"):
            api.call("POST", "/api/stop")

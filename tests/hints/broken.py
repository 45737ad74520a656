"""Broken set-ups: what a row of the table has, and the services that are no frps."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.tcp import TcpStream
from aiofrp.stream.tls.stream import TlsStream
from aiofrp.transport.net import listen
from tests.support.certs import authority
from tests.support.tunnel import Handler, local_service


@dataclass(frozen=True)
class Broken:
    """One broken set-up: what is written, and what the program must say about it."""

    name: str
    toml: str  #: ``{port}`` and the like are filled in
    line: str  #: as Go's program has it where it has one; a regular expression
    cause: str
    step: str

    def check(self, said: str) -> None:
        """The line comes first, and the cause and the next step stand once in the hint after it."""
        first, hints = split(said)
        assert re.search(self.line, first), said
        assert len(hints) == 1, said
        assert self.cause in hints[0], said
        assert self.step in hints[0], said


def split(said: str) -> tuple[str, list[str]]:
    """What was said besides the hints, and the hints."""
    lines = said.splitlines()
    hints = [line.strip() for line in lines if line.strip().startswith("hint: ")]
    return "\n".join(line for line in lines if line.strip() not in hints), hints


def speaks(first: bytes) -> Handler:
    """A service that sends ``first`` and waits."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await reader.read()

    return serve


def answers(answer: bytes) -> Handler:
    """A service that sends ``answer`` to whatever comes first, and ends the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        writer.write(answer)

    return serve


async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service that reads and never answers."""
    while await reader.read(65536):
        pass


NGINX = b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\nContent-Length: 0\r\n\r\n"
#: Services by the name that stands in a row for their port.
SERVICES: Mapping[str, Handler] = {
    "ssh": speaks(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    "ftp": speaks(b"220 ftp.example ready\r\n"),
    "mysql": speaks(b"J\0\0\0\n8.0.36\0" + b"x" * 60),
    "redis": answers(b"-ERR unknown command\r\n"),
    "http": answers(NGINX),
    "postgres": answers(b"E\0\0\0\x40SFATAL\0"),
    "odd": answers(b"\xff\xfe\xfd\xfc" * 4),
    "alert": answers(b"\x15\x03\x03\0\2\2\x46"),
    "silent": waits,
    "closing": answers(b""),
    "needs_login": answers(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
    "forbids": answers(b"HTTP/1.1 403 Forbidden\r\n\r\n"),
    "socks_down": answers(b""),
}


@asynccontextmanager
async def services() -> AsyncIterator[dict[str, int]]:
    """All of :data:`SERVICES`; gives their ports. ``https`` is a web server with TLS, ``old`` a frps that speaks yamux
    and ends every stream."""
    async with AsyncExitStack() as stack:
        ports = {name: await stack.enter_async_context(local_service(one)) for name, one in SERVICES.items()}
        tls = authority().server_context()
        ports["https"] = await stack.enter_async_context(local_service(answers(NGINX), tls=tls))
        sessions: list[MuxSession] = []

        def ended(stream: TcpStream) -> None:
            secure = TlsStream(stream, tls, server_side=True)
            sessions.append(MuxSession(secure, client=False, on_stream=lambda logical: logical.close()))

        old = await listen("127.0.0.1", 0, ended)
        ports["old"] = old.address[1]
        yield ports
        old.close()
        for session in sessions:
            session.abort()


def by_file(output: str) -> dict[str, str]:
    """What ``frpc --config-dir`` printed about each file, by its name without the ending; lines of the log are left
    out."""
    said: dict[str, str] = {}
    lines: list[str] = []
    for line in output.splitlines():
        if found := re.fullmatch(r"frpc service error for config file \[(.*)\]", line):
            said[Path(found[1]).stem] = "\n".join(lines)
            lines = []
        elif not re.match(r"\d{4}-\d\d-\d\d ", line):
            lines.append(line)
    return said

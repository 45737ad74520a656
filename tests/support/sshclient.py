"""A tunnel of ``ssh -R`` with asyncssh as the client, in the loop of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncssh

from tests.support.tunnel import PATIENCE

#: Of the frps that the tests of the gateway start.
TOKEN = "secret"


class _Client(asyncssh.SSHClient):
    """Keeps how the connection ended."""

    reason: Exception | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.reason = exc


@dataclass
class Ssh:
    """A connected client; :attr:`owner` has the reason when the server ends it."""

    connection: asyncssh.SSHClientConnection
    owner: _Client
    processes: list[asyncssh.SSHClientProcess[str]] = field(default_factory=list)

    async def forward(self, target: int, host: str = "", port: int = 80) -> asyncssh.SSHListener:
        """``-R host:port:127.0.0.1:target``."""
        return await self.connection.forward_remote_port(host, port, "127.0.0.1", target)

    async def run(self, command: str | None, *, terminal: bool = False) -> asyncssh.SSHClientProcess[str]:
        """Begin ``command``; ``None`` is a shell."""
        kind = "xterm" if terminal else None
        process = await self.connection.create_process(command, term_type=kind, stderr=asyncssh.STDOUT)
        self.processes.append(process)
        return process

    async def text(self, process: asyncssh.SSHClientProcess[str], until: str) -> str:
        """What ``process`` shows up to and including ``until``."""
        async with asyncio.timeout(PATIENCE):
            return await process.stdout.readuntil(until)

    async def answer(self, command: str | None) -> tuple[str, int | None]:
        """All that ``command`` shows, and its exit status."""
        process = await self.run(command)
        async with asyncio.timeout(PATIENCE):
            done = await process.wait()
        assert isinstance(done.stdout, str)
        return done.stdout, done.exit_status

    async def publish(self, command: str, target: int) -> str:
        """Publish the service at 127.0.0.1:``target``; returns the remote address."""
        await self.forward(target)
        shown = await self.text(await self.run(command), "RemoteAddress: ")
        assert "frp (via SSH)" in shown
        return (await self.text(self.processes[-1], "\n")).strip()


@asynccontextmanager
async def ssh(port: int, **options: object) -> AsyncIterator[Ssh]:
    """A client logged in at the gateway at 127.0.0.1:``port``."""
    settings: dict[str, object] = {
        "username": "v0",
        "known_hosts": None,
        "client_keys": None,
        "config": None,
        "agent_path": None,
        **options,
    }
    async with asyncio.timeout(PATIENCE):
        connection, owner = await asyncssh.create_connection(_Client, "127.0.0.1", port, **settings)
    assert isinstance(owner, _Client)
    try:
        yield Ssh(connection, owner)
    finally:
        connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await connection.wait_closed()
        await asyncio.sleep(0)

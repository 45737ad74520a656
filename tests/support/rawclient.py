"""A client that says single messages to frps, right or wrong, over any transport."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiofrp.client.dialing import dial_options
from aiofrp.errors import FrpError
from aiofrp.stream.base import Stream
from aiofrp.stream.reader import Reader
from aiofrp.transport.base import Session, transport_of
from aiofrp.wire.frp.auth import token_digest
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import Login, Message, NewWorkConn
from tests.support.tunnel import PATIENCE, client_config


class Talk:
    """One logical connection."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._reader = Reader(stream)
        self._decoder = V1.decoder()

    async def say(self, message: Message) -> Message | None:
        """Send ``message``; the answer, or ``None`` if the connection ends without one."""
        self.stream.write(V1.encode(message))
        return await self.answer()

    async def answer(self) -> Message | None:
        """The next message, or ``None`` at the end."""
        async with asyncio.timeout(PATIENCE):
            while data := await self._read():
                if (message := self._decoder.receive_one(data)) is not None:
                    return message
        return None

    async def ended(self) -> None:
        """Wait for the end of the connection."""
        async with asyncio.timeout(PATIENCE):
            while await self._read():
                pass

    async def _read(self) -> bytes:
        try:
            return await self._reader.read()
        except FrpError:  # an end with an error is an end
            return b""


class RawClient:
    """A carrier, or with neither tcpMux nor QUIC a way to dial."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._streams: list[Stream] = []
        self.lost = asyncio.Event()
        session.on_lost = lambda exc: self.lost.set()

    async def open(self) -> Talk:
        """Open a logical connection."""
        opened: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
        self._session.open(opened.set_result, opened.set_exception)
        async with asyncio.timeout(PATIENCE):
            self._streams.append(await opened)
        return Talk(self._streams[-1])

    async def close(self) -> None:
        """End everything."""
        for stream in self._streams:
            stream.abort()
        await self._session.abort()

    async def say(self, message: Message) -> Message | None:
        """Send ``message`` on a connection of its own; the answer."""
        return await (await self.open()).say(message)


@asynccontextmanager
async def raw_client(port: int, toml: str = "") -> AsyncIterator[RawClient]:
    """A carrier to frps on 127.0.0.1:``port``, made as the configuration says; nothing is said yet."""
    config = client_config(port, toml)
    transport = transport_of(config.transport.protocol)()
    session = await transport.connect(dial_options(config))
    client = RawClient(session)
    try:
        yield client
    finally:
        await client.close()


def login(token: str = "", **fields: object) -> Login:
    """A Login with the proof of ``token``."""
    now = int(time.time())
    return Login(version="0.70.1", privilege_key=token_digest(token, now), timestamp=now, **fields)  # type: ignore[arg-type]


def work(run_id: str, token: str | None = None) -> NewWorkConn:
    """A NewWorkConn, with the proof of ``token`` if there is one."""
    now = int(time.time())
    key = "" if token is None else token_digest(token, now)
    return NewWorkConn(run_id=run_id, privilege_key=key, timestamp=now if key else 0)

"""What a client has sent on its control connection and frps has not handled yet."""

from __future__ import annotations

import asyncio
from collections import deque

from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.wire.frp.codec import MessageDecoder
from aiofrp.wire.frp.messages import Message

#: Messages of one client waiting to be handled; above, its control connection is not read until half of them are left.
LIMIT = 100


class Inbox:
    """The messages of one client, in the order they came.

    The control connection is read while few messages wait and the client takes what it is answered: see
    :meth:`set_writable`. Whoever handles messages asks for them one by one with :meth:`next`.
    """

    def __init__(self, decoder: MessageDecoder) -> None:
        self._decoder = decoder
        self._stream: Stream | None = None
        self._messages: deque[Message] = deque()  # limited by LIMIT and what one read brings
        self._ready = asyncio.Event()
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()

    def __len__(self) -> int:
        return len(self._messages)

    def read(self, stream: Stream) -> None:
        """Pause and resume reading of ``stream`` from now on; its receiver calls :meth:`data_received`."""
        self._stream = stream

    def data_received(self, data: Buffer, /) -> None:
        """Keep the messages that ``data`` completes. Raises :class:`~aiofrp.errors.ProtocolError`."""
        self._messages.extend(self._decoder.receive_data(data))
        self._ready.set()
        self._set_reading()

    def set_writable(self, writable: bool) -> None:
        """Whether the client takes what it is answered; while not, it gets no message handled and is not read."""
        if writable:
            self._writable.set()
        else:
            self._writable.clear()
        self._set_reading()

    @property
    def writable(self) -> bool:
        """What :meth:`set_writable` was given last; at first true."""
        return self._writable.is_set()

    async def next(self) -> Message:
        """The oldest message, which waits no longer; returns when there is one and the client takes its answer."""
        while not self._messages:
            self._ready.clear()
            await self._ready.wait()
        await self._writable.wait()
        message = self._messages.popleft()
        self._set_reading()
        return message

    def _set_reading(self) -> None:
        if self._stream is None:
            return
        few = len(self._messages) <= (LIMIT // 2 if self._paused else LIMIT)
        wanted = few and self._writable.is_set()
        if wanted and self._paused:
            self._paused = False
            self._stream.resume_reading(Pause.PEER)
        elif not wanted and not self._paused:
            self._paused = True
            self._stream.pause_reading(Pause.PEER)

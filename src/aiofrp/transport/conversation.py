"""Short exchanges that come before a stream is what it shall be: websocket upgrades, requests to proxies."""

from __future__ import annotations

from typing import Protocol

from aiofrp.errors import Closed
from aiofrp.stream.base import Stream
from aiofrp.stream.reader import Reader


class Conversation(Protocol):
    """Our side of an exchange, as a plain object."""

    def data_to_send(self) -> bytes:
        """What to send now."""

    def receive_data(self, data: bytes, /) -> bytes | None:
        """The bytes after the exchange, once it is over; ``None`` while more is needed. Raises
        :class:`~aiofrp.errors.RemoteProtocolError`."""


async def converse(stream: Stream, conversation: Conversation, what: str) -> None:
    """Hold ``conversation`` on ``stream``, which nobody is attached to afterwards. ``what`` names it in errors.

    Raises what the conversation or the stream raises, and :class:`~aiofrp.errors.Closed` when the peer hangs up; the
    stream is dropped then.
    """
    reader = Reader(stream)
    try:
        rest = None
        while rest is None:
            stream.write(conversation.data_to_send())
            if not (data := await reader.read()):
                raise Closed(f"the peer hung up during {what}")
            rest = conversation.receive_data(data)
    except BaseException:
        stream.abort()
        raise
    reader.detach()
    stream.unread(rest)

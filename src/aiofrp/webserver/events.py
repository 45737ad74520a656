"""Server-sent events: one stream for each browser that watches (HTML Living Standard §9.2).

Events are gathered for a moment and written to all streams at once. What a slow reader does not take is limited; then
its stream is ended, and the browser opens another one and reads the lists anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from aiohttp import web

from aiofrp.logtail import LogTail, TailLine
from aiofrp.webserver.server import ApiError
from aiofrp.webserver.tail import shown
from aiofrp.wire.jsontext import json_text

#: Streams of one web server at most.
MOST_STREAMS: Final = 64
#: Bytes that wait for one reader at most, besides those that the socket took.
MOST_WAITING: Final = 1024 * 1024
#: Seconds that events are gathered, and seconds between two comments that show that the stream is alive.
GATHERED: Final = 0.25
HEARTBEAT: Final = 15.0
#: Seconds that a reader may take nothing.
_STALL: Final = 60.0
#: Events of different things that are gathered at most; of more, a single event ``lost`` is sent.
MOST_GATHERED: Final = 4096

_COMMENT: Final = b":\n\n"
_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx passes each event on at once
}


class EventStreams:
    """The open event streams of one web server."""

    def __init__(self, tail: LogTail) -> None:
        """``tail``: the lines for those who ask for the log, too."""
        self._tail = tail
        self._last_line = 0  # the id of the last line that was sent
        self._streams: set[_EventStream] = set()  # limited by MOST_STREAMS
        self._gathered: dict[tuple[str, str], bytes] = {}  # limited by MOST_GATHERED
        self._timer: asyncio.TimerHandle | None = None  # while there are streams
        self._closed = False
        self.before_flush: Callable[[], None] | None = None
        """Called each :data:`GATHERED` seconds while there are streams, before events are written."""

    def __len__(self) -> int:
        return len(self._streams)

    def publish(self, event: str, data: object, key: str = "") -> None:
        """Send an event to all streams, soon. One with the same ``event`` and ``key`` that still waits is replaced."""
        if not self._streams:
            return
        if len(self._gathered) >= MOST_GATHERED and (event, key) not in self._gathered:
            self._gathered = {("lost", ""): frame("lost", {})}
        self._gathered[event, key] = frame(event, data)

    async def serve(self, request: web.Request, *, logs: bool) -> web.StreamResponse:
        """Answer with a stream that lasts until the reader leaves or :meth:`close` is called. ``logs``: with the lines
        of the log. Raises :class:`~aiofrp.webserver.server.ApiError` (503) above :data:`MOST_STREAMS`."""
        self._forget_left()
        if self._closed or len(self._streams) >= MOST_STREAMS:
            raise ApiError(503, f"there are {MOST_STREAMS} event streams already")
        response = web.StreamResponse(headers=_HEADERS)
        stream = _EventStream(request, response, logs=logs)
        self._streams.add(stream)
        if len(self._streams) == 1:
            self._gathered.clear()
            self._last_line = self._tail.last_id
            self._schedule()
        try:
            await response.prepare(request)
            await stream.run()
        except (OSError, TimeoutError):
            stream.abort()
        finally:
            self._streams.discard(stream)
            if not self._streams and self._timer is not None:
                self._timer.cancel()
        return response

    def close(self) -> None:
        """End all streams, and refuse new ones."""
        self._closed = True
        for stream in self._streams:
            stream.end()

    def _forget_left(self) -> None:
        for stream in [stream for stream in self._streams if stream.left]:
            stream.end()
            self._streams.discard(stream)

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(GATHERED, self._flush)

    def _flush(self) -> None:
        self._schedule()
        if self.before_flush is not None:
            self.before_flush()
        events, self._gathered = b"".join(self._gathered.values()), {}
        lines = self._new_lines()
        with_lines = events + b"".join(frame("log", shown(line)) for line in lines)
        for stream in self._streams:
            stream.send(with_lines if stream.logs else events)

    def _new_lines(self) -> Sequence[TailLine]:
        lines = self._tail.lines(after=self._last_line) if self._tail.last_id > self._last_line else []
        self._last_line = self._tail.last_id
        return lines if any(stream.logs for stream in self._streams) else []


class _EventStream:
    """One reader, and what waits for it."""

    def __init__(self, request: web.Request, response: web.StreamResponse, *, logs: bool) -> None:
        self.logs = logs
        self._request = request
        self._response = response
        self._waiting: list[bytes] = [b"retry: 3000\n\n"]
        self._size = 0  # bytes of it; limited by MOST_WAITING
        self._wake = asyncio.Event()
        self._wake.set()
        self._ended = False

    @property
    def left(self) -> bool:
        """Whether its connection is gone."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    def send(self, data: bytes) -> None:
        """Let ``data`` wait for the reader; one that has too much waiting is dropped."""
        if not data or self._ended:
            return
        self._size += len(data)
        if self._size > MOST_WAITING:
            self.abort()
            return
        self._waiting.append(data)
        self._wake.set()

    def end(self) -> None:
        """Write what waits, and end."""
        self._ended = True
        self._wake.set()

    def abort(self) -> None:
        """End at once; what waits is lost."""
        self._waiting.clear()
        self.end()
        if self._request.transport is not None:
            self._request.transport.abort()

    async def run(self) -> None:
        """Write what waits, until the end. Raises :class:`OSError` when the reader is gone, and :class:`TimeoutError`
        when it takes nothing."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT):
                    await self._wake.wait()
            self._wake.clear()
            data = b"".join(self._waiting) or _COMMENT
            self._waiting.clear()
            self._size = 0
            async with asyncio.timeout(_STALL):
                await self._response.write(data)
            if self._ended:
                return


def frame(event: str, data: object) -> bytes:
    """One event with ``data`` as JSON, which has no line ends."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), json_text(data))

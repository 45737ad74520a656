"""HTTP/2 for tests: a user and a service made of h2 alone, each stream's frames in a queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import h2.connection
import h2.events
from h2.config import H2Configuration

from tests.support.tunnel import PATIENCE

Headers = list[tuple[str, str]]


class Peer:
    """One end of a connection. Windows reopen at once unless ``hold`` is on."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, client: bool, hold: bool = False
    ) -> None:
        self.conn = h2.connection.H2Connection(H2Configuration(client_side=client, header_encoding="utf-8"))
        self.hold = hold
        self.requests: asyncio.Queue[int] = asyncio.Queue()
        self._streams: dict[int, asyncio.Queue[h2.events.Event | None]] = {}
        self._changed = asyncio.Event()
        self._reader = reader
        self.writer = writer
        self.terminated: h2.events.ConnectionTerminated | None = None
        self.conn.initiate_connection()
        self.flush()

    async def run(self) -> None:
        """Read until the connection ends."""
        with suppress(ConnectionError):
            while data := await self._reader.read(65536):
                for event in self.conn.receive_data(data):
                    self._take(event)
                self.flush()
        self._changed.set()
        for queue in self._streams.values():
            queue.put_nowait(None)

    def flush(self) -> None:
        self.writer.write(self.conn.data_to_send())

    def events(self, stream: int) -> asyncio.Queue[h2.events.Event | None]:
        """What happened on a stream; ``None``: the connection ended."""
        return self._streams.setdefault(stream, asyncio.Queue())

    async def next(self, stream: int) -> h2.events.Event | None:
        async with asyncio.timeout(PATIENCE):
            return await self.events(stream).get()

    def open(self, headers: Headers, *, end: bool = True) -> int:
        """A request on a new stream."""
        number = self.conn.get_next_available_stream_id()
        self.conn.send_headers(number, headers, end_stream=end)
        self.flush()
        return number

    def headers(self, stream: int, headers: Headers, *, end: bool = False) -> None:
        self.conn.send_headers(stream, headers, end_stream=end)
        self.flush()

    async def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send data as the windows allow."""
        while data:
            room = min(self.conn.local_flow_control_window(stream), self.conn.max_outbound_frame_size)
            if room <= 0:
                self._changed.clear()
                async with asyncio.timeout(PATIENCE):
                    await self._changed.wait()
                continue
            self.conn.send_data(stream, data[:room])
            data = data[room:]
            self.flush()
        if end:
            self.conn.end_stream(stream)
            self.flush()

    async def whole(self, stream: int) -> tuple[dict[str, str], bytes, dict[str, str]]:
        """The other side's head, body and trailers; interim heads left out."""
        head: dict[str, str] = {}
        body, trailers = b"", {}
        while True:
            event = await self.next(stream)
            match event:
                case h2.events.ResponseReceived() | h2.events.RequestReceived():
                    head = _fields(event.headers)
                case h2.events.DataReceived():
                    body += event.data
                case h2.events.TrailersReceived():
                    trailers = _fields(event.headers)
                case h2.events.StreamEnded():
                    return head, body, trailers
                case h2.events.InformationalResponseReceived():
                    continue
                case _:
                    raise AssertionError(event)

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self.requests.put_nowait(event.stream_id)
            case h2.events.DataReceived() if not self.hold:
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                self._changed.set()
                return
            case h2.events.ConnectionTerminated():
                self.terminated = event
        stream = getattr(event, "stream_id", None)
        if stream:
            self.events(stream).put_nowait(event)


def _fields(headers: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in headers}  # type: ignore[attr-defined]


@asynccontextmanager
async def h2_user(port: int, *, hold: bool = False) -> AsyncIterator[Peer]:
    """A user with prior knowledge, connected to 127.0.0.1:``port``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = Peer(reader, writer, client=True, hold=hold)
    task = asyncio.create_task(peer.run())
    try:
        yield peer
    finally:
        writer.close()
        await task
        with suppress(ConnectionError):
            await writer.wait_closed()


Play = Callable[[Peer, int], Awaitable[None]]


def h2_service(play: Play) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A service of HTTP/2 that plays ``play`` with each request: its connection and the number of the stream."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, client=False)
        reading = asyncio.create_task(peer.run())
        playing: set[asyncio.Task[None]] = set()
        try:
            while not reading.done():
                waiting = asyncio.create_task(peer.requests.get())
                await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    playing.add(asyncio.ensure_future(play(peer, waiting.result())))
                else:
                    waiting.cancel()
        finally:
            reading.cancel()
            for task in playing:
                task.cancel()
            await asyncio.gather(reading, *playing, return_exceptions=True)

    return serve

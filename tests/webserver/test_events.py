"""Event streams over real sockets: what is sent, and who is dropped."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from aiofrp.config.models.shared import WebServerConfig
from aiofrp.logtail import LogTail
from aiofrp.webserver import events
from aiofrp.webserver.events import MOST_GATHERED, MOST_STREAMS, MOST_WAITING, EventStreams
from aiofrp.webserver.routes import plain
from aiofrp.webserver.server import WebServer
from tests.support.ports import free_port
from tests.support.tunnel import PATIENCE

Event = tuple[str, object]


class Served:
    """A web server with an event stream at ``/events``."""

    def __init__(self) -> None:
        self.tail = LogTail()
        self.streams = EventStreams(self.tail)
        self.port = free_port()
        self.server = WebServer(WebServerConfig(addr="127.0.0.1", port=self.port))
        self.server.route("GET", "/events", plain(self._events), changes=True, lasting=True)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        return await self.streams.serve(request, logs=request.query.get("logs") == "1")

    @asynccontextmanager
    async def reading(self, query: str = "", headers: dict[str, str] | None = None) -> AsyncIterator[Reader]:
        url = f"http://127.0.0.1:{self.port}/events{query}"
        before = len(self.streams)
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            async with asyncio.timeout(PATIENCE):
                while response.status == 200 and len(self.streams) == before:
                    await asyncio.sleep(0.01)
            yield Reader(response)


class Reader:
    """The events of one stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> Event:
        """The next event; comments and the pause between connections are skipped."""
        name = ""
        async with asyncio.timeout(PATIENCE):
            while line := (await self.response.content.readline()).decode():
                key, _, value = line.strip().partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    return name, json.loads(value)
        raise EOFError


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(events, "GATHERED", 0.02)
    served = Served()
    await served.server.start()
    yield served
    served.streams.close()
    await served.server.close()


async def test_events_and_lines_of_the_log(served: Served) -> None:
    served.tail.add(1.0, logging.INFO, "before")
    async with served.reading() as plain_reader, served.reading("?logs=1") as log_reader:
        assert plain_reader.response.headers["Content-Type"].startswith("text/event-stream")
        served.tail.add(2.0, logging.WARNING, "after\n<script>")
        served.streams.publish("proxy", {"n": 1}, "a")
        served.streams.publish("proxy", {"n": 2}, "b")
        served.streams.publish("proxy", {"n": 3}, "a")
        assert [await plain_reader.next() for _ in range(2)] == [("proxy", {"n": 3}), ("proxy", {"n": 2})]
        got = [await log_reader.next() for _ in range(3)]
        line = {"id": 2, "at": 2.0, "level": "warn", "text": "after\n<script>"}
        assert got == [("proxy", {"n": 3}), ("proxy", {"n": 2}), ("log", line)]


async def test_a_flood_of_events_becomes_one(served: Served) -> None:
    async with served.reading() as reader:
        for number in range(MOST_GATHERED + 10):
            served.streams.publish("proxy", {}, str(number))
        assert await reader.next() == ("lost", {})


async def test_a_reader_that_takes_nothing_is_dropped_and_others_go_on(served: Served) -> None:
    async with served.reading() as good:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        text = "x" * (MOST_WAITING // 4)
        async with asyncio.timeout(PATIENCE):
            while len(served.streams) < 2:
                await asyncio.sleep(0.01)
            while len(served.streams) == 2:
                served.streams.publish("sample", {"text": text})
                await good.next()
        served.streams.publish("sample", {"text": "still"})
        assert await good.next() == ("sample", {"text": "still"})
        writer.transport.abort()


async def test_streams_are_limited_and_those_whose_readers_left_do_not_count(served: Served) -> None:
    request = b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    writers = []
    for _ in range(MOST_STREAMS):
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(request)
        writers.append(writer)
    async with asyncio.timeout(PATIENCE):
        while len(served.streams) < MOST_STREAMS:
            await asyncio.sleep(0.01)
    async with served.reading() as refused:
        assert refused.response.status == 503
    writers.pop().transport.abort()
    async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE):
        while True:
            async with session.get(f"http://127.0.0.1:{served.port}/events") as response:
                if response.status == 200:
                    break
    for writer in writers:
        writer.transport.abort()


async def test_another_site_gets_no_stream_and_close_ends_streams(served: Served) -> None:
    async with served.reading(headers={"Origin": "http://evil.test"}) as refused:
        assert refused.response.status == 403
    async with served.reading() as reader:
        served.streams.publish("sample", {})
        served.streams.close()
        async with asyncio.timeout(PATIENCE):
            await reader.response.content.read()
    async with served.reading() as late:
        assert late.response.status == 503


async def test_a_silent_stream_gets_comments(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    async with served.reading() as reader, asyncio.timeout(PATIENCE):
        while await reader.response.content.readline() != b":\n":
            pass

"""HTTP through a vhost port: requests on kept and on new connections, large bodies, and users that never finish."""

from __future__ import annotations

import argparse
import asyncio
from time import perf_counter
from typing import cast

from bench.dialler import Dialler
from bench.figures import PATIENCE, Address, Figures, percentiles
from bench.payload import payload
from bench.web import HOST_NAME, request, response_length

#: Responses at the start of a connection that do not count as slow: the first ones pay for dialling the far end.
_WARM_UP = 20
#: Seconds a large body gets.
_BODY_PATIENCE = 120.0
#: Users that never finish the head of their request; seconds until each has said another byte, and between two looks
#: at who is due.
SLOW_USERS, _SLOW_PACE, _SLOW_TICK = 2000, 1.0, 0.01
#: Slow users that connect at a time.
_AT_A_TIME = 64


class Asking(asyncio.Protocol):
    """Sends a request with ``body`` bytes, waits for all of the answer, sends the next, until the time ``end``.

    ``finished`` is done after the last answer; it fails on a lost connection, another status than 200 and on answers
    of different lengths.
    """

    def __init__(self, head: bytes, body: int, end: float) -> None:
        self.times: list[float] = []
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = head
        self._body = body
        self._end = end
        self._chunk = payload()
        self._early = b""  # the first answer, until its length is known
        self._length = 0  # of each answer
        self._got = 0  # bytes of the present answer
        self._left = 0  # bytes of the body still to be sent
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        if not self._got and not data.startswith(b"HTTP/1.1 200 "):
            self._fail(f"answered {data[:1000]!r}")
            return
        self._got += len(data)
        if not self._length:
            self._early += data
            self._length = response_length(self._early)
        if not self._length or self._got < self._length:
            return
        if self._got > self._length:
            self._fail(f"{self._got} bytes instead of {self._length}")
            return
        self.times.append(perf_counter() - self._sent)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"lost: {exc}")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _next(self) -> None:
        self._got = 0
        self._sent = perf_counter()
        if self._sent >= self._end:
            self.finished.set_result(None)
            self._transport.abort()
            return
        self._transport.write(self._head)
        self._left = self._body
        self._pump()

    def _pump(self) -> None:
        while self._left and not self._paused and not self._transport.is_closing():
            chunk = self._chunk[: self._left]
            self._left -= len(chunk)
            self._transport.write(chunk)

    def _fail(self, why: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(why))
            self._transport.abort()


async def ask(address: Address, connections: int, head: bytes, seconds: float, body: int = 0) -> list[Asking]:
    """The same request again and again on every connection; the connections, over."""
    loop = asyncio.get_running_loop()
    end = perf_counter() + seconds
    made = [
        (await loop.create_connection(lambda: Asking(head, body, end), *address))[1]
        for _ in range(connections)
    ]
    patience = seconds + (_BODY_PATIENCE if body else PATIENCE)
    await asyncio.wait_for(asyncio.gather(*(asking.finished for asking in made)), patience)
    return made


def slow_end(made: list[Asking]) -> Figures:
    """Percentiles over all connections."""
    return percentiles([time for asking in made for time in asking.times[_WARM_UP:]])


async def keep_alive(address: Address, options: argparse.Namespace) -> Figures:
    """Requests per second on connections that stay."""
    start = perf_counter()
    made = await ask(address, options.connections, request("GET", options.size), options.seconds)
    elapsed = perf_counter() - start
    total = sum(len(asking.times) for asking in made)
    return {"per_s": total / elapsed, "elapsed_s": elapsed, **slow_end(made)}


async def close(address: Address, options: argparse.Namespace) -> Figures:
    """Requests per second on a new connection each."""
    message = request("GET", options.size, close=True)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(message)
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    if len(answer) != response_length(answer) or not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"answered {answer[:1000]!r}")
    dialler = Dialler(address, message, len(answer))
    return await asyncio.to_thread(dialler.run, options.connections, options.seconds)


async def get(address: Address, options: argparse.Namespace) -> Figures:
    """Megabytes per second of large responses, one after the other."""
    return _rate(await ask(address, 1, request("GET", options.size), options.seconds), options.size)


async def post(address: Address, options: argparse.Namespace) -> Figures:
    """Megabytes per second of large requests, one after the other."""
    size = options.size
    return _rate(await ask(address, 1, request("POST", size), options.seconds, body=size), size)


def _rate(made: list[Asking], size: int) -> Figures:
    times = [time for asking in made for time in asking.times]
    total = size * len(times)
    return {"bytes": total, "MBps": total / 1e6 / sum(times)}


class Slow(asyncio.Protocol):
    """A user that never finishes the head of its request."""

    def __init__(self) -> None:
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(f"GET / HTTP/1.1\r\nHost: {HOST_NAME}\r\nX-Slow: ".encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


async def slowloris(address: Address, options: argparse.Namespace) -> Figures:
    """The slow end of requests beside :data:`SLOW_USERS` that hold half a head, as a multiple of that without."""
    head = request("GET", options.size)
    before = slow_end(await ask(address, options.connections, head, options.seconds))
    slow = await _slow_users(address)
    async with asyncio.TaskGroup() as group:
        trickle = group.create_task(_trickle(slow))
        beside = slow_end(await ask(address, options.connections, head, options.seconds))
        trickle.cancel()
    cut = sum(user.lost for user in slow)
    for user in slow:
        user.transport.abort()
    if not before or not beside:
        return {"cut": cut}
    times = beside["p99_us"] / before["p99_us"]
    return {"cut": cut, "before_p99_us": before["p99_us"], "p99_us": beside["p99_us"], "times": times}


async def _slow_users(address: Address) -> list[Slow]:
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_AT_A_TIME)

    async def connect() -> Slow:
        async with gate:
            return (await loop.create_connection(Slow, *address))[1]

    return list(await asyncio.gather(*(connect() for _ in range(SLOW_USERS))))


async def _trickle(slow: list[Slow]) -> None:
    """Have each say a byte in its turn."""
    batch = round(len(slow) * _SLOW_TICK / _SLOW_PACE)
    while True:
        for start in range(0, len(slow), batch):
            for user in slow[start : start + batch]:
                user.transport.write(b"x")
            await asyncio.sleep(_SLOW_TICK)

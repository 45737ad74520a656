"""Segments by hand, and two KCP cores joined by a path that delays, loses, doubles and swaps datagrams, on a clock of
its own."""

from __future__ import annotations

import heapq
import math
import random
import struct
from dataclasses import dataclass, field

from aiofrp.wire.kcp.core import KcpCore
from aiofrp.wire.kcp.fec import FecDecoder, FecEncoder
from aiofrp.wire.kcp.pace import MAX_WINDOW


@dataclass(slots=True)
class Side:
    """One core with its error correction and its user."""

    core: KcpCore
    to_send: bytes = b""
    reading: bool = True
    received: bytearray = field(default_factory=bytearray)
    held: int = 0
    datagrams: int = 0
    encoder: FecEncoder = field(default_factory=FecEncoder)
    decoder: FecDecoder = field(default_factory=FecDecoder)

    def write(self, data: bytes) -> None:
        self.core.send(data)

    def read_on(self) -> None:
        """The user reads again what was held for it."""
        self.reading = True
        self.core.hold(-self.held)
        self.held = 0

    def arrive(self, datagram: bytes, now: int) -> None:
        segments = self.decoder.receive_data(datagram)
        if segments is not None:
            self.core.receive_data(segments, now)
            self.core.count(len(datagram))
        for rebuilt in self.decoder.take_recovered():
            self.core.receive_data(rebuilt, now, recovered=True)
        data = self.core.take()
        self.received += data
        if not self.reading and data:
            self.held += len(data)
            self.core.hold(len(data))

    def leave(self, now: int) -> list[bytes]:
        self.encoder.parity = self.core.lossy and self.core.proven
        datagrams = self.encoder.encode(self.core.data_to_send(now), now)
        self.datagrams += len(datagrams)
        return datagrams


class Link:
    """A path between ``a`` and ``b``; probabilities in shares of one, delays in milliseconds.

    With ``rate``, datagrams per millisecond, they wait in a queue of at most ``queue`` for each direction; what comes
    when that is full is lost and counted in ``overrun``."""

    def __init__(
        self,
        a: Side,
        b: Side,
        *,
        seed: int = 1,
        loss: float = 0.0,
        twice: float = 0.0,
        delay: tuple[int, int] = (20, 20),
        start: int = 0,
        rate: float = math.inf,
        queue: int = 0,
    ) -> None:
        self.sides = (a, b)
        self.overrun = 0
        self._rate, self._queue = rate, queue
        self._busy_until = [float(start), float(start)]
        self.now = start
        self.loss = loss
        self.twice = twice
        self.delay = delay
        self._dice = random.Random(seed)
        self._flight: list[tuple[int, int, int, bytes]] = []
        self._count = 0

    def run(self, until: int | None = None, *, limit: int = 600_000) -> None:
        """Let time pass until ``until``, or until both cores only wait for each other."""
        end = self.now + limit if until is None else until
        while True:
            self._depart()
            if until is None and not self._flight and self._idle():
                return
            now = self._next_event()
            assert until is not None or now <= end, f"not done after {limit} ms: {self.sides}"
            if now > end:
                self.now = end
                return
            self.now = now
            self._arrive()

    def _idle(self) -> bool:
        return all(not (side.core.queued or side.core._flight.segments) for side in self.sides)

    def _next_event(self) -> int:
        times = [side.core.next_timeout(self.now) for side in self.sides]
        if self._flight:
            times.append(self._flight[0][0])
        return max(min(times), self.now + 1)

    def _depart(self) -> None:
        for index, side in enumerate(self.sides):
            for datagram in side.leave(self.now):
                for _ in range(1 + (self._dice.random() < self.twice)):
                    waits = self._waits(index)
                    if waits is not None and self._dice.random() >= self.loss:
                        due = self.now + waits + self._dice.randint(*self.delay)
                        self._count += 1
                        heapq.heappush(self._flight, (due, self._count, 1 - index, datagram))

    def _waits(self, index: int) -> int | None:
        """Milliseconds that a datagram waits for those before it; ``None`` when the queue is full."""
        waits = max(0.0, self._busy_until[index] - self.now)
        if waits and waits * self._rate >= self._queue:
            self.overrun += 1
            return None
        self._busy_until[index] = self.now + waits + 1 / self._rate
        return int(waits)

    def _arrive(self) -> None:
        while self._flight and self._flight[0][0] <= self.now:
            _, _, index, datagram = heapq.heappop(self._flight)
            self.sides[index].arrive(datagram, self.now)


def pair(
    *,
    start: int = 0,
    answering: bool = False,
    send_window: int = MAX_WINDOW,
    receive_window: int = MAX_WINDOW,
) -> tuple[Side, Side]:
    """Two cores of one conversation; the second is ``answering`` the first."""

    def made(clock: int, answering: bool) -> Side:
        return Side(
            KcpCore(
                7,
                start,
                clock=clock,
                answering=answering,
                send_window=send_window,
                receive_window=receive_window,
            )
        )

    return made(0xFFFFF000, False), made(5, answering)


def segment(
    command: int,
    *,
    sn: int = 0,
    una: int = 0,
    stamp: int = 0,
    window: int = 1024,
    conv: int = 7,
    data: bytes = b"",
) -> bytes:
    """One segment as it is on the wire."""
    return struct.pack("<IBBHIIII", conv, command, 0, window, stamp, sn, una, len(data)) + data

"""Many UDP visitors, each at a steady pace whatever comes back: how much is lost."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from time import perf_counter

from bench.figures import Address, Figures
from bench.payload import payload

#: Datagrams each visitor sends a second.
RATE = 50
#: Seconds of waiting for the last answers.
_DRAIN = 1.0
#: Seconds between two looks at what is due.
_TICK = 0.001


class Crowd:
    """``visitors`` sockets that send ``size`` bytes by turns, evenly spread, and count what comes back.

    On epoll by hand, as :class:`bench.dialler.Dialler`.
    """

    def __init__(self, address: Address, visitors: int, size: int) -> None:
        self.sent = self.received = 0
        self._message = payload(max(size, 1024))[:size]
        self._poll = select.epoll()
        self._sockets = [self._visitor(address) for _ in range(visitors)]
        self._by_descriptor = {sock.fileno(): sock for sock in self._sockets}

    def run(self, seconds: float) -> Figures:
        """Send for ``seconds``, wait for the last answers and close."""
        pace = RATE * len(self._sockets)
        total = round(pace * seconds)
        start = perf_counter()
        while self.sent < total:
            self._send_until(min(total, int((perf_counter() - start) * pace)))
            self._receive()
        elapsed = perf_counter() - start
        end = perf_counter() + _DRAIN
        while self.received < self.sent and perf_counter() < end:
            self._receive()
        for sock in self._sockets:
            sock.close()
        self._poll.close()
        lost = self.sent - self.received
        return {"sent": self.sent, "lost": lost, "per_s": self.received / elapsed, "elapsed_s": elapsed}

    def _visitor(self, address: Address) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.connect(address)
        self._poll.register(sock.fileno(), select.EPOLLIN)
        return sock

    def _send_until(self, due: int) -> None:
        sockets, message = self._sockets, self._message
        for number in range(self.sent, due):
            with suppress(OSError):  # not taken, or refused before: lost
                sockets[number % len(sockets)].send(message)
        self.sent = max(self.sent, due)

    def _receive(self) -> None:
        for descriptor, _ in self._poll.poll(_TICK, len(self._sockets)):
            with suppress(OSError):
                self._by_descriptor[descriptor].recv(1 << 16)
                self.received += 1

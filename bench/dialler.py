"""New connections as fast as they go."""

from __future__ import annotations

import select
import socket
import struct
from dataclasses import dataclass
from time import perf_counter

from bench.figures import PATIENCE, Address, Figures, percentiles


@dataclass(slots=True)
class _Open:
    connection: socket.socket
    start: float
    missing: int  #: bytes of the answer that are not here yet


class Dialler:
    """Dials, says ``message``, waits for ``answer`` bytes and resets, again and again.

    On epoll by hand, because an event loop's own connecting would cost more than what is measured.
    """

    def __init__(self, address: Address, message: bytes = b"ex", answer: int = 1) -> None:
        self.times: list[float] = []
        self.errors = 0
        self._address = address
        self._message = message
        self._answer = answer
        self._poll = select.epoll()
        self._open: dict[int, _Open] = {}

    def run(self, connections: int, seconds: float) -> Figures:
        """Keep ``connections`` on their way for ``seconds``."""
        start = perf_counter()
        for _ in range(connections):
            self._dial()
        while perf_counter() < start + seconds:
            for descriptor, _ in self._poll.poll(0.1):
                if self._finish(descriptor):
                    self._dial()
            self._give_up()
        for one in self._open.values():
            one.connection.close()
        self._poll.close()
        per_s = len(self.times) / (perf_counter() - start)
        return {"per_s": per_s, "errors": self.errors, **percentiles(self.times)}

    def _dial(self) -> None:
        start = perf_counter()
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(self._address)
        try:
            connection.send(self._message)  # on the loopback address it is connected by now
            wanted = select.EPOLLIN
        except OSError:
            wanted = select.EPOLLOUT
        self._open[connection.fileno()] = _Open(connection, start, self._answer)
        self._poll.register(connection.fileno(), wanted)

    def _finish(self, descriptor: int) -> bool:
        """Read what came; whether that was all."""
        one = self._open[descriptor]
        try:
            got = len(one.connection.recv(1 << 16))
        except OSError:
            got = 0
        one.missing -= got
        if got and one.missing > 0:
            return False
        if got:
            self.times.append(perf_counter() - one.start)
        else:
            self.errors += 1
        self._reset(descriptor)
        return True

    def _give_up(self) -> None:
        late = perf_counter() - PATIENCE
        for descriptor in [fd for fd, one in self._open.items() if one.start < late]:
            self.errors += 1
            self._reset(descriptor)
            self._dial()

    def _reset(self, descriptor: int) -> None:
        # No TIME_WAIT: tens of thousands of them would use up the ports.
        connection = self._open.pop(descriptor).connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

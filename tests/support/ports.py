"""Free ports on the loopback address, without collisions between the processes of one test run.

Every xdist worker draws from a range of its own, below the range the system hands out for outgoing
connections, so that neither a neighbour nor a passing client takes a port between the probe and its use.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator

#: Below 32768, where Linux starts to take ports for outgoing connections (ip_local_port_range).
FIRST, LAST = 12000, 32000


def _own_range() -> range:
    """The ports of this worker; all of them in a run without workers."""
    name = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    index, count = int(name.removeprefix("gw")), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    size = (LAST - FIRST) // count
    return range(FIRST + index * size, FIRST + (index + 1) * size)


def _candidates() -> Iterator[int]:
    """The own range in a circle, from a place that depends on the process: two test runs rarely meet."""
    ports = _own_range()
    start = os.getpid() * 37 % len(ports)
    return itertools.cycle([*ports[start:], *ports[:start]])


_next = _candidates()
_PROBES = [(kind, host) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM) for host in ("127.0.0.1", "")]


def free_port() -> int:
    """A port nobody has for TCP or UDP, on 127.0.0.1 and on all addresses; another at each call."""
    for port in itertools.islice(_next, LAST - FIRST):
        if all(_is_free(kind, host, port) for kind, host in _PROBES):
            return port
    raise RuntimeError(f"no free port in {_own_range()}")


def _is_free(kind: socket.SocketKind, host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # As servers do: a port whose last connections are in TIME_WAIT can be listened on.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True

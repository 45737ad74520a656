"""A STUN server with two addresses (RFC 5780, as far as Binding requests without attributes need it).

``python -m tests.support.stunserver HOST:PORT HOST:PORT`` runs it until it is ended; each address names the other one.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_COOKIE = 0x2112A442


def answer(request: bytes, source: tuple[str, int], other: tuple[str, int]) -> bytes:
    """The success response to ``request``: where it came from, and the server's other address."""
    mapped = (source[1] ^ _COOKIE >> 16, int(ipaddress.IPv4Address(source[0])) ^ _COOKIE)
    named = (other[1], int(ipaddress.IPv4Address(other[0])))
    attributes = b"".join(
        kind.to_bytes(2, "big") + b"\0\x08\0\x01" + port.to_bytes(2, "big") + host.to_bytes(4, "big")
        for kind, (port, host) in ((0x0020, mapped), (0x802C, named))
    )
    return b"\x01\x01" + len(attributes).to_bytes(2, "big") + request[4:20] + attributes


def serve(first: tuple[str, int], second: tuple[str, int], stop: socket.socket | None = None) -> None:
    """Answer on both addresses until ``stop`` can be read."""
    with socket.socket(type=socket.SOCK_DGRAM) as a, socket.socket(type=socket.SOCK_DGRAM) as b:
        a.bind(first)
        b.bind(second)
        print("ready", flush=True)
        _loop(a, b, stop)


def _loop(a: socket.socket, b: socket.socket, stop: socket.socket | None) -> None:
    others = {a: b.getsockname(), b: a.getsockname()}
    while True:
        readable, _, _ = select.select([*others, *([stop] if stop else [])], [], [])
        if stop in readable:
            return
        for sock in readable:
            request, source = sock.recvfrom(2048)
            if request[:2] == b"\0\x01" and len(request) >= 20:
                sock.sendto(answer(request, source, others[sock]), source)


@contextmanager
def running() -> Iterator[str]:
    """A server on 127.0.0.1, in a thread; gives its first address as ``host:port``."""
    wake, stop = socket.socketpair()
    with socket.socket(type=socket.SOCK_DGRAM) as a, socket.socket(type=socket.SOCK_DGRAM) as b, wake, stop:
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_loop, args=(a, b, stop), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{a.getsockname()[1]}"
        finally:
            wake.send(b"x")
            thread.join()


def _parse(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    serve(_parse(sys.argv[1]), _parse(sys.argv[2]))

"""UDP sockets as the load generator and the relay use them."""

from __future__ import annotations

import socket

#: Bytes asked for in the kernel's buffers: what it drops for want of room would count as lost by the tunnel.
_BUFFER = 4 << 20
#: Bytes of one datagram, at most.
LONGEST = 65_535
#: Datagrams read at one wake-up.
BATCH = 64


def udp_socket() -> socket.socket:
    """A non-blocking socket with large buffers, neither bound nor connected."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    return sock

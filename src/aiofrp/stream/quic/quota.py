"""What the client of a QUIC connection may use before it has logged in."""

from __future__ import annotations

from collections.abc import Callable

#: Streams, and bytes of datagrams, of which the library may hold all. A login takes one stream and a few kB with the
#: handshake, certificates included.
STREAMS_BEFORE_LOGIN, BYTES_BEFORE_LOGIN = 8, 256 * 1024


class LoginQuota:
    """Counts what one client uses. ``exceeded`` is called with the reason at everything beyond the quota."""

    __slots__ = ("_bytes", "_exceeded")

    def __init__(self, exceeded: Callable[[str], object]) -> None:
        self._exceeded = exceeded
        self._bytes = 0

    def take(self, size: int) -> bool:
        """Whether the client may send ``size`` bytes more; they count."""
        self._bytes += size
        if self._bytes <= BYTES_BEFORE_LOGIN:
            return True
        self._exceeded(f"more than {BYTES_BEFORE_LOGIN} bytes before the login")
        return False

    def may_open(self, stream_id: int) -> bool:
        """Whether the client may open this stream."""
        if stream_id < 4 * STREAMS_BEFORE_LOGIN:
            return True
        self._exceeded(f"more than {STREAMS_BEFORE_LOGIN} streams before the login")
        return False

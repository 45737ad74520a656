"""The UDP socket of QUIC connections: one connection's own, or that of a listener."""

from __future__ import annotations

from typing import Protocol, TypeVar

from aiofrp.stream.udp.socket import Address

#: The connections.
C = TypeVar("C", contravariant=True)


class QuicEndpoint(Protocol[C]):
    """A connection calls :meth:`gone` once and last."""

    def send(self, datagrams: list[bytes], address: Address, /) -> None:
        """Send ``datagrams`` in order."""

    def poll(self) -> None:
        """Read datagrams that the socket has received already."""

    def connection_id(self, session: C, cid: bytes, valid: bool, /) -> None:
        """The peer may use the connection ID ``cid`` from now on, or with ``valid`` false no longer."""

    def gone(self, session: C, /) -> None:
        """The connection has ended: it sends and receives no further datagram."""

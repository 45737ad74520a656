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


def send_all(endpoint: QuicEndpoint[C], transmits: list[tuple[bytes, Address]]) -> None:
    """Send datagrams, each with its address, in order: nearly always all to one, and then at once."""
    if not transmits:
        return
    address = transmits[0][1]
    if all(other is address or other == address for _, other in transmits):
        endpoint.send([data for data, _ in transmits], address)
    else:
        for data, other in transmits:
            endpoint.send([data], other)

"""One side of a QUIC connection: the library's, and flow control per stream (RFC 9000 §4.1).

The library reopens the window of a stream when its bytes arrive; :attr:`QuicCore.credit` keeps the window of a single
stream closed while its receiver takes nothing. Packets leave through :meth:`QuicCore.to_send` alone.
"""

from __future__ import annotations

from aiofrp.stream.quic.core.credit import Credit
from aiofrp.stream.quic.core.library import PACKET_SIZE, Connection, Run


class QuicCore(Connection):
    """A connection whose streams' windows can be withheld one by one."""

    _credit: Credit | None = None  # made when first needed

    @property
    def credit(self) -> Credit:
        """The credit that is withheld from the peer; only after the handshake."""
        if self._credit is None:
            suite, secret, cid_size = self.send_secret
            self._credit = Credit(suite, secret, cid_size, PACKET_SIZE)
        return self._credit

    def to_send(self, now: float) -> list[Run]:
        """Datagrams that may leave now. Raises :class:`~aiofrp.errors.RemoteProtocolError` as :meth:`receive`.

        The one place where our own packets are re-sealed. Two packets with one number would break the cipher, so each
        packet of the library is replaced here, and never leaves beside the one that replaces it.
        """
        runs = self.poll(now)
        credit = self._credit
        if credit is not None and credit.active:
            for _, datagrams in runs:
                datagrams[:] = [credit.rewrite(data, self.last_number) for data in datagrams]
        return runs

    def credit_used(self, stream_id: int, total: int | None) -> None:
        """``total`` bytes of a stream were received so far; ``None``: the stream is over."""
        credit = self._credit
        if credit is not None:
            if total is None:
                credit.forget(stream_id)
            else:
                credit.received(stream_id, total)

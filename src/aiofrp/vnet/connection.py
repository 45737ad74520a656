"""A connection that carries packets: what comes from it goes to the device, if it may, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiofrp.errors import FrpError
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.stream.udp.losses import Losses
from aiofrp.vnet.turns import SHARE, PacketTurns
from aiofrp.wire.ippacket import addresses
from aiofrp.wire.vnetframes import LENGTH, IpFrameDecoder

#: Bytes of packets that wait while the connection takes no more; further packets are dropped, as a router does.
MOST_WAITING: Final = 256 * 1024

#: Why packets are dropped, by the name of the counter.
WHY: Final = {
    "not_ip": "they are no IP packets",
    "too_long": "they are longer than any IP packet",
    "own_source": "they claim to come from this machine's own address",
    "wrong_source": "they come from another address than destinationIP",
    "source_in_use": "they come from an address that another connection uses",
    "full": "the connection does not take them fast enough",
}


class PacketConnection:
    """The receiver of ``stream`` from :meth:`start` on.

    ``admit`` gets the addresses of each received packet (see :func:`~aiofrp.wire.ippacket.addresses`) and gives the
    cause, a key of :data:`WHY`, of one that is to be dropped, or nothing; ``received`` gets the packets of one wake-up
    that remain. When there are too many at once, the others wait for their turn, and reading is paused. ``ended`` is
    called once at the end with this connection.
    """

    __slots__ = (
        "_admit",
        "_decoder",
        "_ended",
        "_full",
        "_received",
        "_size",
        "_stream",
        "_turns",
        "_waiting",
        "_waits",
        "bytes_in",
        "bytes_out",
        "losses",
    )

    def __init__(self, stream: Stream, losses: Losses, turns: PacketTurns) -> None:
        self._stream = stream
        self._turns = turns
        self._waits = False  # for a turn
        self._decoder = IpFrameDecoder()
        self._waiting: list[bytes] = []  # lengths and packets in turn; limited by MOST_WAITING
        self._size = 0  # bytes in it
        self._full = False
        self.losses = losses
        self.bytes_in = self.bytes_out = 0  #: received from and written to the stream

    def start(
        self,
        admit: Callable[[bytes], str],
        received: Callable[[list[bytes]], None],
        ended: Callable[[PacketConnection], None],
    ) -> None:
        """Receive from now on."""
        self._admit, self._received = admit, received
        self._ended: Callable[[PacketConnection], None] | None = ended
        self._stream.attach(self)

    def add(self, packet: bytes) -> None:
        """Send ``packet`` with the next :meth:`flush`; it is dropped when too much waits."""
        size = len(packet)
        if self._size + size > MOST_WAITING:
            self._lost("full", 1)
        else:
            self._size += size
            self._waiting += (LENGTH.pack(size), packet)

    def flush(self) -> None:
        """Send what was added, in one piece, unless the connection is full."""
        if self._waiting and not self._full:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            self.bytes_out += len(data)
            self._stream.write(data)

    def close(self) -> None:
        """End the connection; ``ended`` follows."""
        self._stream.close()

    def abort(self) -> None:
        """End the connection at once; ``ended`` follows."""
        self._stream.abort()

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        self.bytes_in += len(data)
        self._decoder.receive_data(data)
        if self._waits:
            return
        self._handle()
        if self._decoder.pending:
            self._waits = True
            self._stream.pause_reading(Pause.PEER)
            self._turns.add(self)

    def turn(self) -> tuple[int, bool]:
        """See :class:`aiofrp.vnet.turns.TakesTurns`."""
        handled = self._handle()
        self._waits = self._decoder.pending
        if not self._waits:
            self._stream.resume_reading(Pause.PEER)
        return handled, self._waits

    def eof_received(self) -> None:
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        if self._waits:
            self._waits = False
            self._turns.remove(self)
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self.flush()

    # Private

    def _handle(self) -> int:
        """Handle what came, :data:`~aiofrp.vnet.turns.SHARE` packets at most; returns their number."""
        decoder, admit = self._decoder, self._admit
        passed: list[bytes] = []
        packets = decoder.take(SHARE)
        for packet in packets:
            pair = addresses(packet)
            cause = admit(pair) if pair is not None else "not_ip"
            if cause:
                self._lost(cause, 1)
            else:
                passed.append(packet)
        if passed:
            self._received(passed)
        if decoder.skipped:
            self._lost("too_long", decoder.skipped)
            decoder.skipped = 0
        if decoder.error is not None:
            self._fail(decoder.error)
        return len(packets)

    def _fail(self, error: FrpError) -> None:
        self.losses.log.seldom.warning("a connection with packets is closed: %s", error)
        self._stream.abort()

    def _lost(self, cause: str, count: int) -> None:
        self.losses.lost(cause, WHY[cause], count, "packets")

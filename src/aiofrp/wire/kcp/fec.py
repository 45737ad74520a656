"""The header and the groups that let a receiver rebuild lost KCP datagrams (docs/protocol/wire.md §4).

::

    data    seqid:u32 | 0x00f1:u16 | size:u16 | segments     size = 2 + length of the segments
    parity  seqid:u32 | 0x00f2:u16 | parity shard            little endian

Ten data datagrams and three of parity are a group; a shard is everything behind the type. This module knows the
segments only as bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.kcp import reedsolomon
from aiofrp.wire.kcp.reedsolomon import DATA_SHARDS, PARITY_SHARDS

#: Bytes in front of the segments.
HEADER_SIZE = 8
_DATA, _PARITY = 0x00F1, 0x00F2
_GROUP = DATA_SHARDS + PARITY_SHARDS
#: Where sequence ids start again at 0 (docs/protocol/wire.md §4).
_WRAP = 0xFFFFFFFF // _GROUP * _GROUP
#: Milliseconds within which the tenth datagram must follow the ninth for parity to be of use
#: (docs/protocol/wire.md §4).
_CONTINUOUS = 500
#: Groups whose shards are kept at a time; a datagram more than two groups late is late for good.
_GROUPS_KEPT = 3
_HEADER = struct.Struct("<IHH")
_PREFIX = struct.Struct("<IH")


def segments_of(datagram: bytes | memoryview) -> bytes | memoryview:
    """The segments in one datagram, without a thought for others; empty when it holds none."""
    if len(datagram) < HEADER_SIZE:
        return b""
    _, kind, _ = _HEADER.unpack_from(datagram)
    if kind == _PARITY:
        return b""
    return datagram[HEADER_SIZE:] if kind == _DATA else datagram


class FecEncoder:
    """Segments in, datagrams out. Parity is made only while ``parity`` is set: it costs a third more datagrams.

    Where it is left out the three ids are skipped, so that receivers stay aligned with the groups.
    """

    __slots__ = ("_last", "_next", "_shards", "parity")

    def __init__(self) -> None:
        self.parity = False
        self._next = 0
        self._last = -_CONTINUOUS  # when the last datagram left, milliseconds
        self._shards: list[bytes] = []  # of the group under way, at most ten; empty without parity

    def encode(self, packets: Iterable[bytes], now: int) -> list[bytes]:
        """One datagram for each packet of segments, and parity where it is due. ``now`` in milliseconds."""
        datagrams: list[bytes] = []
        pack = _HEADER.pack
        for packet in packets:
            number = self._next
            datagram = pack(number, _DATA, len(packet) + 2) + packet
            datagrams.append(datagram)
            self._next = number + 1
            if self.parity:
                self._shards.append(datagram[_PREFIX.size :])
            if number % _GROUP == DATA_SHARDS - 1:
                self._end_group(datagrams, now)
            self._last = now
        return datagrams

    def _end_group(self, datagrams: list[bytes], now: int) -> None:
        shards, self._shards = self._shards, []
        if len(shards) == DATA_SHARDS and now - self._last < _CONTINUOUS:
            for index, shard in enumerate(reedsolomon.encode(shards)):
                datagrams.append(_PREFIX.pack(self._next + index, _PARITY) + shard)
        self._next = (self._next + PARITY_SHARDS) % _WRAP


class FecDecoder:
    """Datagrams in, segments out, those of lost datagrams included where parity allows.

    Some senders leave parity out without skipping its ids and drift out of step with their own groups for good. The
    first sign of it ends recovery for the rest of the session (docs/protocol/wire.md §4).
    """

    __slots__ = ("_aligned", "_groups", "_quiet", "_recovered", "_recovering")

    def __init__(self) -> None:
        self._aligned = True
        self._recovering = True  # whether shards are kept
        self._quiet = 0  # groups begun since the last parity
        self._groups: dict[
            int, dict[int, bytes]
        ] = {}  # number → shards by index; _GROUPS_KEPT of up to 13 shards
        self._recovered: list[bytes] = []  # limited by the callers, who take them after every datagram

    def receive_data(self, datagram: bytes | memoryview) -> bytes | memoryview | None:
        """The segments in ``datagram``; ``None`` for parity. A datagram without header is all segments.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` for a datagram too short to be one.
        """
        if len(datagram) < HEADER_SIZE:
            raise RemoteProtocolError(f"kcp: a datagram of {len(datagram)} bytes")
        number, kind, _ = _HEADER.unpack_from(datagram)
        if kind == _DATA:
            if self._recovering:
                self._keep(number, kind, datagram)
            return datagram[HEADER_SIZE:]
        if kind != _PARITY:
            return datagram
        if self._aligned:
            self._recovering, self._quiet = True, 0
            self._keep(number, kind, datagram)
        return None

    def take_recovered(self) -> list[bytes]:
        """Segments of lost datagrams that the last datagram made it possible to rebuild."""
        recovered, self._recovered = self._recovered, []
        return recovered

    def _keep(self, number: int, kind: int, datagram: bytes | memoryview) -> None:
        """Add a shard to its group and rebuild what that makes possible."""
        group, index = divmod(number, _GROUP)
        if (index < DATA_SHARDS) != (kind == _DATA):
            self._aligned = self._recovering = False
            self._groups.clear()
            return
        shards = self._groups.get(group)
        if shards is None:
            shards = self._begin(group)
        if index not in shards:
            shards[index] = bytes(datagram[_PREFIX.size :])
            if len(shards) == DATA_SHARDS and max(shards) >= DATA_SHARDS:
                self._rebuild(shards)

    def _begin(self, group: int) -> dict[int, bytes]:
        """A new group. A sender that makes no parity for some groups gets none of its shards kept, until it does."""
        self._quiet += 1
        if self._quiet > _GROUPS_KEPT:
            self._recovering = False
            self._groups.clear()
        elif len(self._groups) >= _GROUPS_KEPT:
            del self._groups[next(iter(self._groups))]
        shards = self._groups[group] = {}
        return shards

    def _rebuild(self, shards: dict[int, bytes]) -> None:
        for shard in reedsolomon.recover(shards).values():
            size = int.from_bytes(shard[:2], "little")
            if 2 < size <= len(shard):
                self._recovered.append(shard[2:size])

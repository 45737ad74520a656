"""Reed–Solomon 10 + 3 over GF(2^8), the erasure code of KCP's datagrams (docs/protocol/wire.md §4).

Shards in, shards out; it knows nothing of datagrams and their headers. A shard times a field element is one
``bytes.translate``, a sum is one XOR of two large integers, so the cost per byte is that of C loops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

#: Shards of a group.
DATA_SHARDS, PARITY_SHARDS = 10, 3
#: The field's polynomial x^8 + x^4 + x^3 + x^2 + 1, generator 2 (docs/protocol/wire.md §4).
_POLYNOMIAL = 0x11D
#: The lower three rows of the encoding matrix; the upper ten are the identity (docs/protocol/wire.md §4).
PARITY_ROWS = (
    (129, 150, 175, 184, 210, 196, 254, 232, 3, 2),
    (150, 129, 184, 175, 196, 210, 232, 254, 2, 3),
    (191, 214, 98, 10, 6, 111, 223, 183, 5, 4),
)


def encode(shards: Sequence[bytes]) -> list[bytes]:
    """The three parity shards of ten data shards; shorter ones count as filled up with zeros to the longest."""
    size = max(map(len, shards))
    indexed = dict(enumerate(shards))
    return [_sum(row, indexed).to_bytes(size, "little") for row in PARITY_ROWS]


def recover(shards: Mapping[int, bytes]) -> dict[int, bytes]:
    """The missing data shards by index (0 … 9), filled up to the longest shard's length.

    ``shards``: at least ten of a group by index, 0 … 9 data, 10 … 12 parity; what is short counts as filled up.
    """
    size = max(map(len, shards.values()))
    missing = [index for index in range(DATA_SHARDS) if index not in shards]
    rows = [row for row in range(PARITY_SHARDS) if DATA_SHARDS + row in shards][: len(missing)]
    inverse = invert([[PARITY_ROWS[row][index] for index in missing] for row in rows])
    present = {index: shard for index, shard in shards.items() if index < DATA_SHARDS}
    sums = [
        _sum(PARITY_ROWS[row], present) ^ int.from_bytes(shards[DATA_SHARDS + row], "little") for row in rows
    ]
    unknown = {index: number.to_bytes(size, "little") for index, number in enumerate(sums)}
    return {
        index: _sum(factors, unknown).to_bytes(size, "little")
        for index, factors in zip(missing, inverse, strict=True)
    }


def _sum(factors: Sequence[int], shards: Mapping[int, bytes]) -> int:
    """The sum of each shard times the factor of its index, as a little-endian number."""
    total = 0
    for index, shard in shards.items():
        total ^= int.from_bytes(shard.translate(_times(factors[index])), "little")
    return total


def multiply(a: int, b: int) -> int:
    """The product of two field elements."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= _POLYNOMIAL
        b >>= 1
    return product


@cache  # at most 256 tables of 256 bytes
def _times(factor: int) -> bytes:
    """The table that multiplies every byte by ``factor``."""
    return bytes(multiply(factor, value) for value in range(256))


def _reciprocal(value: int) -> int:
    return _times(value).index(1)


def invert(matrix: Sequence[Sequence[int]]) -> list[list[int]]:
    """The inverse of a square matrix that has one, by Gauss and Jordan."""
    size = len(matrix)
    rows = [[*row, *(int(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(row for row in range(column, size) if rows[row][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = _times(_reciprocal(rows[column][column]))
        rows[column] = [scale[value] for value in rows[column]]
        for other in range(size):
            if other != column and rows[other][column]:
                times = _times(rows[other][column])
                rows[other] = [a ^ times[b] for a, b in zip(rows[other], rows[column], strict=True)]
    return [row[size:] for row in rows]

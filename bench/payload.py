"""What is sent."""

from __future__ import annotations

import random
from functools import cache

#: Bytes of one write; as large as what the event loop reads at once.
CHUNK = 1 << 18


@cache
def payload(size: int = CHUNK) -> bytes:
    """Bytes that compress to about a half, as ordinary traffic does: random and constant stretches by turns."""
    chance = random.Random(1)
    piece = 512
    return b"".join(chance.randbytes(piece) + bytes(piece) for _ in range(size // (2 * piece)))

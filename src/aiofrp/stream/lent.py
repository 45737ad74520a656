"""Memory that a stream lends its receiver for one call: bulk data costs no allocation and one copy less.

See rule 3 of :mod:`aiofrp.stream.base`. A loop uses the memory during one call only, so each thread has its own.
"""

from __future__ import annotations

import threading

from aiofrp.stream.base import Buffer, Receiver

#: Bytes of the memory of one layer: no less than uvloop reads at once (256,000), and 16 records of TLS.
LENT = 256 * 1024

_threads = threading.local()


def memory_of(layer: str) -> memoryview:
    """This thread's memory for what ``layer`` lends."""
    memory: memoryview | None = getattr(_threads, layer, None)
    if memory is None:
        memory = memoryview(bytearray(LENT))
        setattr(_threads, layer, memory)
    return memory


def borrows(receiver: Receiver) -> bool:
    """Whether ``receiver`` copies what it keeps of the data it is given."""
    return getattr(receiver, "borrows", False)


def own(data: Buffer) -> Buffer:
    """``data`` to keep: a copy where it is lent."""
    return bytes(data) if isinstance(data, memoryview) and not data.readonly else data

"""Time as it passes for a test whatever else the machine does."""

from __future__ import annotations

import time
from pathlib import Path

_WAITED = Path("/proc/thread-self/schedstat")


def own_time() -> float:
    """Seconds of a clock that stands still while this thread could go on and the processors are taken. Where the kernel
    does not count that time, the clock is the monotonic one."""
    now = time.monotonic()
    try:
        return now - int(_WAITED.read_text(encoding="ascii").split()[1]) / 1e9
    except FileNotFoundError:
        return now

"""Running a server or a client as a program: event loop, signals, files, logs."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Coroutine
from typing import Any

from aiofrp.transport.net import raise_file_limit

#: Allocations between two looks for reference cycles: connections make few, and each look costs latency.
_GC_THRESHOLD = (50_000, 20, 20)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run ``main`` on the fastest loop there is; returns its exit code."""
    raise_file_limit()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLD)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def on_signals(callback: Any, *signals: signal.Signals) -> None:
    """Call ``callback`` when one of ``signals`` arrives; where the loop has no signal support it is left alone."""
    loop = asyncio.get_running_loop()
    for number in signals:
        try:
            loop.add_signal_handler(number, callback)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop

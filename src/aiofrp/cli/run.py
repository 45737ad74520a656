"""Running a server or a client as a program: event loop, signals, files, logs."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from aiofrp import faults, logs
from aiofrp.config.models.shared import LogConfig
from aiofrp.transport.files import raise_file_limit

#: Allocations between two looks for reference cycles: connections make few, and each look costs latency.
_GC_THRESHOLD = (50_000, 20, 20)

#: Of glibc's allocator (malloc.h): the parameters, bytes of freed memory that are kept for the next buffers, and bytes
#: of blocks that come from the kernel each anew. The defaults give every large buffer back and take it again, and pages
#: that are new each time cost more than what is done with them: 2.6 times the CPU time with compression.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP, _LARGE = 32 * 1024 * 1024, 4 * 1024 * 1024


def set_up_logs(config: LogConfig) -> None:
    """Send log lines where the configuration says."""
    handler: logging.Handler
    if config.to == "console":
        handler = logs.Console(colour=not config.disable_print_color)
    else:
        handler = logs.DailyFile(config.to, config.max_days)
    logs.setup(handler, config.level)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run ``main`` on the fastest loop there is; returns its exit code."""
    raise_file_limit()
    _keep_freed_memory()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLD)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.get_loop().set_exception_handler(faults.handle_loop_error)
        return runner.run(main)


def _keep_freed_memory() -> None:
    """Let the C library keep some of what is freed, where it is glibc."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, _KEEP)
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


def on_termination(callback: Callable[[], object]) -> None:
    """Call ``callback`` at the first request to end; at the second the program ends at once."""
    asked = False

    def end() -> None:
        nonlocal asked
        if asked:
            logging.shutdown()
            os._exit(128 + signal.SIGTERM)
        asked = True
        callback()

    for name in ("SIGINT", "SIGTERM"):
        _on_signal(name, end)


def on_hangup(reload: Callable[[], object], end: Callable[[], object]) -> None:
    """Call ``reload`` at a hang-up signal, or ``end`` if it came because the terminal was closed.

    Where hang-ups were ignored so far, as with ``nohup``, every one is a wish to reload.
    """
    name = "SIGHUP"
    number = getattr(signal, name, None)
    attached = number is not None and signal.getsignal(number) is not signal.SIG_IGN and _has_terminal()

    def hung_up() -> None:
        if attached and not _has_terminal():
            end()
        else:
            reload()

    _on_signal(name, hung_up)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except (OSError, AttributeError):  # Windows has neither
        return False
    return True


def _on_signal(name: str, callback: Callable[[], object]) -> None:
    """Call ``callback`` in the loop when a signal arrives; one the system lacks is passed over."""
    loop = asyncio.get_running_loop()
    number = getattr(signal, name, None)
    if number is None:
        return
    try:
        loop.add_signal_handler(number, callback)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes uvloop's loop, or winloop's on Windows; ``None`` where neither is installed."""
    try:
        loops = importlib.import_module("winloop" if sys.platform == "win32" else "uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = loops.new_event_loop
    return factory

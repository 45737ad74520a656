"""Running a server or a client as a program: event loop, memory, files, logs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from aiofrp import faults, loghandlers, logs
from aiofrp.cli import signals, streams
from aiofrp.cli.notify import Notifier
from aiofrp.config.models.shared import LogConfig
from aiofrp.transport.files import raise_file_limit

_log = logs.get(__name__)

service_manager = Notifier()
"""What started this program, if it wants to be informed."""

#: Of glibc's allocator (malloc.h): the parameters, bytes of freed memory that are kept for the next buffers, and bytes
#: of blocks that come from the kernel each anew. The defaults give every large buffer back and take it again, and pages
#: that are new each time cost more than what is done with them: 2.6 times the CPU time with compression.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP, _LARGE = 32 * 1024 * 1024, 4 * 1024 * 1024
#: Seconds after which a program has started: what need not be done before waits so long.
_STARTED = 1.0


def set_up_logs(config: LogConfig, form: str = "") -> None:
    """Send log lines to the destination that ``log`` of the configuration names; no line waits for a reader.
    ``form``: that of ``--log-format``, or empty for what fits the destination."""
    streams.never_wait(_count_lost)
    handler: logging.Handler
    if config.to == "console":
        handler = loghandlers.Console(colour=not config.disable_print_color, form=form)
    else:
        handler = loghandlers.DailyFile(config.to, config.max_days, form=form)
    logs.setup(handler, config.level)


def _count_lost(name: str, lines: int) -> None:
    _log.warning("%d lines were lost, as nobody read %s", lines, name)


def log_wait(program: str, connections: int, seconds: float) -> None:
    """Log what a program waits for that was asked to end: so many running connections, for so many seconds at most."""
    if connections:
        text = "%s waits up to %g s for %d running connections to end; a second signal ends it at once"
        _log.info(text, program, seconds, connections)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run ``main`` on the fastest loop there is; returns its exit code."""
    raise_file_limit()
    gc.freeze()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.get_loop().set_exception_handler(faults.handle_loop_error)
        code = runner.run(_serve(main))
    streams.forgive()
    return code


async def _serve(main: Coroutine[Any, Any, int]) -> int:
    signals.on_rotation(logs.reopen)
    asyncio.get_running_loop().call_later(_STARTED, _keep_freed_memory)
    try:
        return await main
    finally:
        service_manager.close()


def _keep_freed_memory() -> None:
    """Let the C library keep some of what is freed, where it is glibc."""
    if sys.platform != "linux":
        return
    import ctypes  # here, as it takes its time

    with contextlib.suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, _KEEP)
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes uvloop's loop, or winloop's on Windows; ``None`` where neither is installed."""
    try:
        loops = importlib.import_module("winloop" if sys.platform == "win32" else "uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = loops.new_event_loop
    return factory

"""Signals: those that end a program, reload it or reopen its log file, and those that do nothing."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import NoReturn

#: Signals whose default ends a program and which Go's programs do not act on; real-time signals as well.
_STRAY = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGXCPU", "SIGXFSZ")


def pass_over_stray() -> None:
    """Let stray signals do nothing, unless somebody handles them already.

    They are handled and not ignored: programs that ours starts inherit what is ignored.
    """
    numbers = [getattr(signal, name) for name in _STRAY if hasattr(signal, name)]
    if hasattr(signal, "SIGRTMIN"):
        numbers += range(signal.SIGRTMIN, signal.SIGRTMAX + 1)
    for number in numbers:
        with contextlib.suppress(OSError, ValueError):  # one of the C library, or no main thread
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _nothing)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    pass


def on_rotation(reopen: Callable[[], object]) -> None:
    """Call ``reopen`` at SIGUSR1, which tools that rotate log files send."""
    _on_signal("SIGUSR1", reopen)


def on_termination(callback: Callable[[], object]) -> None:
    """Call ``callback`` at the first request to end; at the second the program ends at once, with the exit code that
    shells give a program which that signal ended."""
    asked = False

    def end(number: int) -> None:
        nonlocal asked
        if asked:
            _exit(128 + number)
        asked = True
        callback()

    for number in (signal.SIGINT, signal.SIGTERM):
        _on_signal(number.name, partial(end, number))


def _exit(code: int) -> NoReturn:
    """End now, with all log lines written."""
    import logging  # here, as the commands that only print do without

    logging.shutdown()
    os._exit(code)


def on_hangup(reload: Callable[[], object], end: Callable[[], object]) -> None:
    """Call ``reload`` at a hang-up signal, or ``end`` if it came because the terminal was closed.

    Where hang-ups were ignored so far, as with ``nohup``, every one asks to reload.
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
    from asyncio import get_running_loop  # here, as the commands that only print do without a loop

    loop = get_running_loop()
    number = getattr(signal, name, None)
    if number is None:
        return
    try:
        loop.add_signal_handler(number, callback)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))

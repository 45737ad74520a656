"""Unexpected exceptions: where they are caught, and how they are logged.

A fault is an exception of a callback, caused by a mistake in this program. It ends the connection it happened on and
nothing else, and the log names what failed. A peer that can provoke a fault can provoke it often, so each kind is
logged with its traceback once in :data:`INTERVAL` seconds; in between faults are counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from typing import Any, Final, Protocol, runtime_checkable

_log = logging.getLogger(__name__)

#: What a guard around a callback catches. ``MemoryError`` and ``RecursionError`` are among them. ``CancelledError``
#: too: only a task can be cancelled, so out of a callback it is a mistake like any other.
FAULTS: Final = (Exception, asyncio.CancelledError)

#: Seconds between two log records about one kind of fault.
INTERVAL = 10.0
#: Kinds that are counted apart; all further ones together count as one.
MOST_KINDS = 64
#: Stack frames of a traceback that are shown, and characters of the exception's own text, which may quote the peer.
MOST_FRAMES, MOST_TEXT = 20, 300

_REPORTED: Final = "_reported_by_aiofrp"


class FaultLog:
    """Logs faults at a bounded rate: at most :data:`MOST_KINDS` + 1 records in :data:`INTERVAL` seconds."""

    __slots__ = ("_clock", "_kinds")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        self._clock = clock
        self._kinds: dict[
            object, tuple[float, int]
        ] = {}  # → time of its record, faults since; MOST_KINDS + 1

    def report(self, what: str, exc: BaseException) -> None:
        """Log that ``what`` failed with ``exc``: with its traceback, or as one more in a count. An exception that comes
        here by two ways is reported once."""
        if getattr(exc, _REPORTED, False):
            return
        setattr(exc, _REPORTED, True)
        kind, now = self._kind(exc), self._clock()
        since, unsaid = self._kinds.get(kind, (-INTERVAL, 0))
        if now - since < INTERVAL:
            self._kinds[kind] = since, unsaid + 1
            return
        self._kinds[kind] = now, 0
        more = f" ({unsaid} more of this kind since the last record)" if unsaid else ""
        _log.error("internal error: %s%s\n%s", what, more, describe(exc))

    def _kind(self, exc: BaseException) -> object:
        """The type of the exception and the line that raised it."""
        trace = exc.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else None
        kind = (type(exc), where)
        return kind if kind in self._kinds or len(self._kinds) < MOST_KINDS else None


def describe(exc: BaseException) -> str:
    """``exc`` and the last frames of its traceback as text of bounded length."""
    frames = "".join(traceback.format_tb(exc.__traceback__, -MOST_FRAMES))
    text = str(exc)
    if len(text) > MOST_TEXT:
        text = f"{text[:MOST_TEXT]}… ({len(text)} characters)"
    return f"{frames}{type(exc).__name__}: {text}"


_shared = FaultLog()
report = _shared.report
"""Log that something failed with an unexpected exception, at a bounded rate."""


@runtime_checkable
class Reporting(Protocol):
    """An :class:`asyncio.Protocol` that logs faults of its own callbacks, so that the loop need not."""

    def report_fault(self, exc: BaseException) -> None:
        """Log that a callback raised ``exc``."""


def handle_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception handler for event loops (:meth:`asyncio.loop.set_exception_handler`): the same log, the same rate.

    A protocol that is :class:`Reporting` words the record itself.
    """
    exc, protocol = context.get("exception"), context.get("protocol")
    text = str(context.get("message") or "a callback of the event loop failed")
    if exc is None:
        _log.error("%s", text)
    elif isinstance(protocol, Reporting):
        protocol.report_fault(exc)
    else:
        report(text, exc)


def call(what: str, callback: Callable[..., object], *args: object) -> None:
    """Call ``callback`` with ``args``; if it raises, log that ``what`` failed and go on."""
    try:
        callback(*args)
    except FAULTS as exc:
        report(what, exc)

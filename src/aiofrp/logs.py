"""Logging in frp's line format, with the session's and proxy's names as prefixes.

``2026-11-22 02:02:17.071 [I] [client/control.py:165] [dd6a1fad99859bef] [ssh] start proxy success``
(docs/protocol/configuration.md §6). This module knows levels and how often lines may be written, and nothing of the
rest of the package; where the lines go (:mod:`aiofrp.loghandlers`) is set up by :func:`setup`.
"""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass

from aiofrp.compiled.facts import MODULES, PLACES
from aiofrp.hints.later import Later
from aiofrp.logforms import TRACE as TRACE
from aiofrp.loghandlers import Console, DailyFile, LineHandler
from aiofrp.logtail import LogTail

logging.addLevelName(TRACE, "TRACE")

#: ``log.level`` → logging level.
LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_ROOT = "aiofrp"
_root = logging.getLogger(_ROOT)
#: Gets every line, once :func:`keep_tail` was called: from the handler, where it is one of ours.
_tail: LogTail | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """How often lines of one kind (one text before its arguments are put in) may be written."""

    burst: int  #: at once
    per_second: float  #: after that


#: Lines that one server or one client's service can cause in frpc: each kind once a second.
SELDOM = Rate(1, 1)
#: Lines that anyone who can connect to frps can cause, all sources together.
ANYONE = Rate(200, 20)
#: Lines that the messages of one logged-in client can cause in frps; a client may have a thousand proxies.
CLIENT = Rate(4000, 20)
#: Lines about the users of one client's proxies in frps.
USERS = Rate(10_000, 100)

#: Frames between :func:`_caller` and who logs: compiled code has none.
_FRAMES = 0 if "aiofrp/logs.py" in MODULES else 3
#: Characters shown of each value in such a line.
_MOST_SHOWN = 200
#: Seconds after which the log says how many lines were left out.
_COUNT_AFTER = 1.0


class Log:
    """A logger whose lines carry ``[prefix]`` for the session and the proxy they are about.

    Where the lines of the package go to a handler of :mod:`aiofrp.loghandlers`, as in our programs, a line is made for
    it at once; elsewhere it takes the way of :mod:`logging`.
    """

    __slots__ = ("_limits", "_ours", "_seldom", "logger", "prefix")

    def __init__(self, logger: logging.Logger, prefix: str = "", limits: _Limits | None = None) -> None:
        self.logger = logger
        self.prefix = prefix
        self._limits = limits
        self._ours = logger.name.partition(".")[0] == _ROOT
        self._seldom: Log | None = None

    def bind(self, *names: str) -> Log:
        """The same logger with ``[name]`` for each name added in front of the text."""
        prefix = "".join(f"[{name}] " for name in names if name)
        return Log(self.logger, self.prefix + prefix, self._limits)

    def limited(self, rate: Rate) -> Log:
        """The same logger for lines that peers can cause: it writes each kind as often as ``rate`` allows,
        counts those it left out, and shortens long values. Loggers bound from it share the rate."""
        return Log(self.logger, self.prefix, _Limits(rate))

    @property
    def seldom(self) -> Log:
        """This logger, limited to :data:`SELDOM`."""
        if self._seldom is None:
            self._seldom = self.limited(SELDOM)
        return self._seldom

    def trace(self, msg: str, *args: object) -> None:
        """Log ``msg % args`` at frp's trace level."""
        if self.logger.isEnabledFor(TRACE):
            self._write(TRACE, msg, args)

    def debug(self, msg: str, *args: object) -> None:
        """Log ``msg % args`` about details that help to find a fault."""
        if self.logger.isEnabledFor(logging.DEBUG):
            self._write(logging.DEBUG, msg, args)

    def info(self, msg: str, *args: object) -> None:
        """Log ``msg % args`` as what happens in operation."""
        if self.logger.isEnabledFor(logging.INFO):
            self._write(logging.INFO, msg, args)

    def warning(self, msg: str, *args: object) -> None:
        """Log ``msg % args`` as what somebody should know."""
        if self.logger.isEnabledFor(logging.WARNING):
            self._write(logging.WARNING, msg, args)

    def error(self, msg: str, *args: object) -> None:
        """Log ``msg % args`` as a failure."""
        if self.logger.isEnabledFor(logging.ERROR):
            self._write(logging.ERROR, msg, args)

    def log(self, level: int, msg: str, *args: object) -> None:
        """Log ``msg % args`` at ``level``."""
        if self.logger.isEnabledFor(level):
            self._write(level, msg, args)

    def _write(self, level: int, msg: str, args: tuple[object, ...]) -> None:
        """Write a line for the caller of our caller, which is the method named after the level."""
        if self._limits is not None:
            if not self._limits.allow(self, level, msg):
                return
            args = tuple(map(_shortened, args))
        handler = _own_handler() if self._ours else None
        if handler is None:
            if _tail is not None:
                _tail.add(time.time(), level, self.prefix + (_formatted(msg, args) if args else msg))
            prefix = self.prefix.replace("%", "%%") if args else self.prefix
            self.logger.log(level, f"{prefix}{msg}", *args, stacklevel=max(1, _FRAMES))
            return
        path, number = PLACES.get(msg) or _caller()
        handler.line(time.time(), level, path, number, self.prefix + (_formatted(msg, args) if args else msg))


def _caller() -> tuple[str, int]:
    """The file and line that logs, :data:`_FRAMES` calls from here; those of another caller where compiled code logs a
    text that :data:`PLACES` cannot have."""
    try:
        frame = sys._getframe(_FRAMES)
    except ValueError:
        frame = sys._getframe()
    return frame.f_code.co_filename, frame.f_lineno


def _formatted(msg: str, args: tuple[object, ...]) -> str:
    try:
        return msg % args
    except (TypeError, ValueError):  # a mistake in this program, which must end nothing
        return f"{msg} {args}"


def _own_handler() -> LineHandler | None:
    """The handler that gets all lines of the package, if it is one of ours and the only one."""
    handlers = _root.handlers
    if len(handlers) == 1 and not _root.propagate:
        handler = handlers[0]
        return handler if isinstance(handler, LineHandler) else None
    return None


class _Limits:
    """The kinds of lines of a limited logger and what each may still write; as many as there are texts in the code."""

    __slots__ = ("_kinds", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._kinds: dict[str, _Kind] = {}

    def allow(self, log: Log, level: int, text: str) -> bool:
        """Whether a line with this text may be written now. If not, it is counted: after :data:`_COUNT_AFTER`
        seconds one line says the count, and until then no line of its kind is written."""
        kind = self._kinds.get(text)
        if kind is None:
            kind = self._kinds[text] = _Kind(self._rate)
        if kind.left_out and kind.overdue():
            kind.write_count(log, level, text)
        if not kind.left_out:
            if kind.take():
                return True
            from asyncio import get_running_loop  # here, as the commands that only print do without a loop

            kind.counted_since = time.monotonic()
            get_running_loop().call_later(_COUNT_AFTER, kind.write_count, log, level, text)
        kind.left_out += 1
        return False


class _Kind:
    """A bucket of lines of one kind."""

    __slots__ = ("_at", "_left", "_rate", "counted_since", "left_out")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left = float(rate.burst)
        self._at = time.monotonic()
        self.left_out = 0
        self.counted_since = 0.0  # of time.monotonic()

    def overdue(self) -> bool:
        """Whether the count should have been written: the event loop that was to write it has ended."""
        return time.monotonic() - self.counted_since > 2 * _COUNT_AFTER

    def take(self) -> bool:
        """Use up one line, if there is one."""
        now = time.monotonic()
        self._left = min(self._rate.burst, self._left + (now - self._at) * self._rate.per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def write_count(self, log: Log, level: int, text: str) -> None:
        """Write how many were left out."""
        count, self.left_out = self.left_out, 0
        if not count:
            return
        self._left -= 1  # this line counts as well
        log.logger.log(level, "%d more lines were left out like: %s", count, text)


def _shortened(value: object) -> object:
    """A value as a limited line shows it."""
    if type(value) is str and len(value) <= _MOST_SHOWN:
        return value
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Later):
        return value.shortened(_MOST_SHOWN)
    text = str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} characters)"


def short_id(run_id: str) -> str:
    """A run id as logs show it: enough to distinguish clients, too little to be used as one: in some places a
    whole run id is accepted as proof of being its client (docs/protocol/server.md §2.2)."""
    return run_id[: max(1, min(6, len(run_id) // 2))]


def get(name: str) -> Log:
    """The logger of a module; call it with ``__name__``."""
    return Log(logging.getLogger(name))


def keep_tail() -> LogTail:
    """The last lines of this process's log; they are kept in memory from the first call on."""
    global _tail
    if _tail is None:
        _tail = LogTail()
    if (handler := _own_handler()) is not None:
        handler.tail = _tail
    return _tail


def set_level(level: str) -> None:
    """Switch the level at run time; ``level`` is one of :data:`LEVELS`."""
    _root.setLevel(LEVELS[level])


def reopen() -> None:
    """Open the log file anew, if lines go to one."""
    for handler in _root.handlers:
        if isinstance(handler, DailyFile):
            handler.reopen()


def silence() -> None:
    """Write no lines, for commands whose output says all."""
    setup(logging.NullHandler())


def setup(handler: logging.Handler | None = None, level: str = "info") -> None:
    """Send this package's log lines to ``handler`` (default: standard output) instead of where they went before."""
    before, _root.handlers[:] = _root.handlers[:], [handler or Console(colour=True)]
    _root.propagate = False
    if _tail is not None:
        keep_tail()
    set_level(level)
    for old in before:
        old.close()

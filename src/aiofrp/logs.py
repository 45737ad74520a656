"""Logging in frp's line format, with the session's and proxy's names as prefixes.

``2026-11-22 02:02:17.071 [I] [client/control.py:165] [dd6a1fad99859bef] [ssh] start proxy success``
(docs/protocol/configuration.md
§6). This module knows levels, lines and files, and nothing of the rest of the package; where the lines go is set up
by :func:`setup`.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from aiofrp.output import Lines

#: frp's lowest level, below DEBUG.
TRACE = 5
logging.addLevelName(TRACE, "TRACE")

#: ``log.level`` → logging level.
LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_LETTERS = {TRACE: "T", logging.DEBUG: "D", logging.INFO: "I", logging.WARNING: "W"}
_COLOURS = {"D": "1;36", "I": "1;34", "W": "1;33", "E": "1;31"}

#: Control characters as they are shown: names that peers choose forge no lines and steer no terminal.
_SHOWN = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {9: "\t", 10: "\n  "}

_ROOT = "aiofrp"

#: The error handler for text that is printed or logged: a byte that is no text stays as it came, and a character that
#: the encoding has not is written as an escape.
TEXT_ERRORS = "aiofrp.text"

#: The time in the name of a file that was rotated.
_BACKUP = "%Y%m%d-%H%M%S"
#: Seconds until a log file that failed is tried again.
_RETRY = 10.0


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

#: Characters shown of each value in such a line.
_MOST_SHOWN = 200
#: Seconds after which the log says how many lines were left out.
_COUNT_AFTER = 1.0


class Log(logging.LoggerAdapter[logging.Logger]):
    """A logger whose lines carry ``[prefix]`` for the session and the proxy they are about."""

    def __init__(self, logger: logging.Logger, prefix: str = "", limits: _Limits | None = None) -> None:
        super().__init__(logger, {})
        self.prefix = prefix
        self._limits = limits
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

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log ``msg % args``, as the methods named after levels do."""
        if not self.isEnabledFor(level):
            return
        if self._limits is not None:
            if not self._limits.allow(self, level, str(msg)):
                return
            args = tuple(_shortened(arg) for arg in args)
        prefix = self.prefix.replace("%", "%%") if args else self.prefix
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1  # the line names our caller
        self.logger.log(level, f"{prefix}{msg}", *args, **kwargs)

    def trace(self, msg: str, *args: object) -> None:
        """Log at frp's trace level."""
        self.log(TRACE, msg, *args, stacklevel=2)


class _Limits:
    """The kinds of lines of a limited logger and what each may still write; as many as there are texts in the code."""

    __slots__ = ("_kinds", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._kinds: dict[str, _Kind] = {}

    def allow(self, log: Log, level: int, text: str) -> bool:
        """Whether a line with this text may be written now. If not, it is counted: after :data:`_COUNT_AFTER`
        seconds one line says the count, and until then no line of its kind is written."""
        from asyncio import get_running_loop  # here, as the commands that only print do without a loop

        kind = self._kinds.get(text)
        if kind is None:
            kind = self._kinds[text] = _Kind(self._rate)
        if kind.overdue():
            kind.write_count(log, level, text)
        if not kind.left_out and kind.take():
            return True
        if not kind.left_out:
            kind.counted_since = time.monotonic()
            get_running_loop().call_later(_COUNT_AFTER, kind.write_count, log, level, text)
        kind.left_out += 1
        return False


class _Kind:
    """A bucket of lines of one kind."""

    __slots__ = ("_at", "_left", "_rate", "counted_since", "left_out")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left: float = rate.burst
        self._at = time.monotonic()
        self.left_out = 0
        self.counted_since = 0.0  # of time.monotonic()

    def overdue(self) -> bool:
        """Whether the count should have been written: the event loop that was to write it has ended."""
        return self.left_out > 0 and time.monotonic() - self.counted_since > 2 * _COUNT_AFTER

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
    if isinstance(value, (int, float)):
        return value
    text = str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} characters)"


def short_id(run_id: str) -> str:
    """A run id as logs show it: enough to distinguish clients, too little to be used as one: in some places a
    whole run id is accepted as proof of being its client (docs/protocol/server.md §2.2)."""
    return run_id[: max(1, min(6, len(run_id) // 2))]


def get(name: str) -> Log:
    """The logger of a module; call it with ``__name__``."""
    return Log(logging.getLogger(name))


def _write_anyway(error: UnicodeError) -> tuple[bytes | str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wide = error.encoding.startswith(("utf-16", "utf-32"))  # a single byte is no character there
    shown = b"".join(_byte_or_escape(character, wide) for character in error.object[error.start : error.end])
    return shown.decode("ascii") if wide else shown, error.end


def _byte_or_escape(character: str, wide: bool) -> bytes:
    byte = ord(character) - 0xDC00
    if 0x80 <= byte <= 0xFF:
        return f"\\x{byte:02x}".encode() if wide else bytes([byte])
    return character.encode("ascii", "backslashreplace")


codecs.register_error(TEXT_ERRORS, _write_anyway)


class LineFormatter(logging.Formatter):
    """One record as one line of frp's log, coloured when asked."""

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        letter = _LETTERS.get(record.levelno, "E")
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        path = Path(record.pathname)
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        if not text.isprintable():
            text = text.translate(_SHOWN)
        line = (
            f"{clock}.{int(record.msecs):03d} [{letter}] "
            f"[{path.parent.name}/{path.name}:{record.lineno}] {text}"
        )
        code = _COLOURS.get(letter) if self._colour else None
        return f"\x1b[{code}m{line}\x1b[0m" if code else line


class Console(logging.StreamHandler[TextIO]):
    """Lines to standard output; one that cannot be written is lost."""

    def __init__(self, *, colour: bool) -> None:
        """``colour``: whether lines may have colours; they have on a terminal only."""
        super().__init__(sys.stdout)
        self.setFormatter(LineFormatter(colour and sys.stdout.isatty()))

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk or a reader that went away is no reason to stop, nor to fill standard error."""


class DailyFile(logging.Handler):
    """Lines to a file that is renamed at local midnight, to ``NAME.YYYYMMDD-HHMMSS.EXT``
    (docs/protocol/configuration.md §6).

    Files renamed more than ``max_days`` days ago are then deleted; a negative number keeps them. A file that cannot be
    opened or written never raises: one line on standard error says so, and lines are lost until it works again. A pipe
    or terminal whose reader has stopped is not waited for; see :class:`~aiofrp.output.Lines`.
    """

    def __init__(self, path: str, max_days: int, *, clock: Callable[[], float] = time.time) -> None:
        """``clock`` gives seconds since the epoch."""
        super().__init__()
        self.setFormatter(LineFormatter(colour=False))
        self._path = Path(path)
        self._max_days = max_days
        self._clock = clock
        self._file: io.FileIO | None = None
        self._lines = Lines()
        self._retry_at = 0.0  # when a file that failed is tried again
        self._midnight = next_midnight(clock())
        self._complained = False
        self._open()

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        if now >= self._midnight:
            self._midnight = next_midnight(now)
            self._rotate(now)
        if self._file is None and now >= self._retry_at:
            self._open()
        if self._file is not None:
            self._write(self._file, self.format(record) + "\n")

    def reopen(self) -> None:
        """Go on in the file that now has the name, which somebody may have renamed."""
        with self.lock or contextlib.nullcontext():
            self._forget()
            self._open()

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        self._forget()
        super().close()

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            flags |= getattr(os, "O_NONBLOCK", 0) | getattr(
                os, "O_NOCTTY", 0
            )  # it may be a pipe or a terminal
            self._file = io.FileIO(os.open(self._path, flags, 0o600), "ab")
            self._lines = Lines()
        except OSError as error:
            self._failed(error)

    def _rotate(self, now: float) -> None:
        self._forget()
        stamp = time.strftime(_BACKUP, time.localtime(now))
        backup = self._path.with_name(f"{self._path.stem}.{stamp}{self._path.suffix}")
        try:
            if self._path.is_file():  # a device or a pipe stays where it is
                self._path.rename(backup)
            self._delete_old(now)
        except OSError as error:
            self._failed(error)
        self._open()

    def _delete_old(self, now: float) -> None:
        if self._max_days < 0:
            return
        begin, end = f"{self._path.stem}.", self._path.suffix
        for path in self._path.parent.iterdir():
            if path.name.startswith(begin) and path.name.endswith(end):
                made = _made_at(path.name[len(begin) : len(path.name) - len(end)])
                if made is not None and made < now - self._max_days * 86400:
                    path.unlink(missing_ok=True)

    def _write(self, file: io.FileIO, line: str) -> None:
        try:
            self._lines.write(file, line.encode("utf-8", TEXT_ERRORS))
        except OSError as error:
            self._forget()
            self._failed(error)
        else:
            self._complained = False

    def _forget(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def _failed(self, error: OSError) -> None:
        self._retry_at = self._clock() + _RETRY
        if not self._complained:
            self._complained = True
            print(
                f"cannot write the log file {self._path}: {error.strerror}; lines are lost", file=sys.stderr
            )


def next_midnight(now: float) -> float:
    """The first second of the next day in local time, whatever the clocks do in between."""
    today = time.localtime(now)
    return time.mktime((today.tm_year, today.tm_mon, today.tm_mday + 1, 0, 0, 0, 0, 0, -1))


def _made_at(stamp: str) -> float | None:
    try:
        return time.mktime(time.strptime(stamp, _BACKUP))
    except (ValueError, OverflowError):
        return None


def set_level(level: str) -> None:
    """Switch the level at run time; ``level`` is one of :data:`LEVELS`."""
    logging.getLogger(_ROOT).setLevel(LEVELS[level])


def reopen() -> None:
    """Open the log file anew, if lines go to one."""
    for handler in logging.getLogger(_ROOT).handlers:
        if isinstance(handler, DailyFile):
            handler.reopen()


def setup(handler: logging.Handler | None = None, level: str = "info") -> None:
    """Send this package's log lines to ``handler`` (default: standard output) instead of where they went before."""
    root = logging.getLogger(_ROOT)
    before, root.handlers[:] = root.handlers[:], [handler or Console(colour=True)]
    root.propagate = False
    set_level(level)
    for old in before:
        old.close()

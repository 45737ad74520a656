"""Where the lines of the log go, and their form: the console, or a file that is renamed every day.

Lines that are logged in one turn of the event loop are written together when it ends, and where many turns log some,
those of 20 ms. A line of the level ``error``, and one logged where no loop runs, is written at once with all before it.
So a program that is killed loses the lines of one turn at most, or of 20 ms.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from aiofrp.logforms import FORMS, FrpForm, LineForm
from aiofrp.logtail import LogTail
from aiofrp.output import TEXT_ERRORS, Lines

#: Characters of lines that are gathered at most before they are written, and seconds: a turn may be long.
_MOST_GATHERED, _LONGEST = 16 * 1024, 0.25
#: Seconds for which lines are gathered, when more turns than these have logged some in as long a time.
_BUSY, _MANY_TURNS = 0.02, 4
#: The time in the name of a file that was rotated.
_BACKUP = "%Y%m%d-%H%M%S"
#: Seconds until a log file that failed is tried again.
_RETRY = 10.0
#: Seconds between two checks whether the file still has its name.
_FOLLOW = 1.0


class LineHandler(logging.Handler):
    """A handler that writes the lines of one turn of the event loop together; for use by any thread.

    Subclasses say what it means to :meth:`add` a line and to :meth:`write` what was added. Neither raises for a
    reason of the file.
    """

    def __init__(self, form: LineForm) -> None:
        super().__init__()
        self.guard = threading.RLock()
        self.tail: LogTail | None = None  #: gets every line, too
        self.setFormatter(form)
        self._form = form.line
        self._size = 0  # characters that were added and are not written
        self._since = 0.0  # when the first of them was added
        self._counted_since = 0.0  # a time, and the turns that logged lines since then
        self._turns = 0

    def add(self, line: str) -> None:
        """Take a line, with its end; called under the guard."""
        raise NotImplementedError

    def write(self) -> None:
        """Write all lines that were added; called under the guard."""
        raise NotImplementedError

    def line(self, when: float, level: int, path: str, number: int, text: str) -> None:
        """Log ``text``; the arguments are those of :meth:`~aiofrp.logforms.LineForm.line`."""
        if self.tail is not None:
            self.tail.add(when, level, text)
        with self.guard:
            self._take(when, level, self._form(when, level, path, number, text) + "\n")

    def emit(self, record: logging.LogRecord) -> None:
        if self.tail is not None:
            self.tail.add(record.created, record.levelno, record.getMessage())
        with self.guard:
            self._take(record.created, record.levelno, self.format(record) + "\n")

    def flush(self) -> None:
        """Write what is not written yet."""
        with self.guard:
            self._size = 0
            self.write()

    def _take(self, when: float, level: int, line: str) -> None:
        self.add(line)
        first = not self._size
        self._size += len(line)
        if level >= logging.ERROR or self._size > _MOST_GATHERED:
            self.flush()
        elif first:
            self._since = when
            self._flush_soon(when)
        elif (
            not 0 <= when - self._since < _LONGEST
        ):  # a long turn, a loop that has ended, or a clock that was set
            self.flush()

    def _flush_soon(self, now: float) -> None:
        from asyncio import get_running_loop  # here, as the commands that only print do without a loop

        if not 0 <= now - self._counted_since < _BUSY:
            self._counted_since, self._turns = now, 0
        self._turns += 1
        try:
            if self._turns > _MANY_TURNS:
                self._turns = 0
                get_running_loop().call_later(_BUSY, self.flush)
            else:
                get_running_loop().call_soon(self.flush)
        except RuntimeError:  # there is no loop in this thread
            self.flush()


class Console(LineHandler):
    """Lines to standard output, in order with what is printed there; one that cannot be written is lost.

    A full disk or a reader that went away is no reason to stop, nor to fill standard error.
    """

    def __init__(self, *, colour: bool, form: str = "") -> None:
        """``colour``: whether lines may have colours; they have on a terminal only, and where the environment has no
        ``NO_COLOR``. ``form``: a key of :data:`~aiofrp.logforms.FORMS`; empty means ``human`` on a terminal and ``frp``
        elsewhere."""
        self._stream: TextIO = sys.stdout
        terminal = self._stream.isatty()
        colour = colour and terminal and not os.environ.get("NO_COLOR")
        make = FORMS[form or ("human" if terminal else "frp")]
        super().__init__(make(colour=colour, marks=_has_marks(self._stream)))

    def add(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the latter: somebody has closed it
            self._stream.write(line)

    def write(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def _has_marks(stream: TextIO) -> bool:
    """Whether a stream can show the marks of the form for people."""
    try:
        "•▲✗·".encode(stream.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


class DailyFile(LineHandler):
    """Lines to a file that is renamed at local midnight, to ``NAME.YYYYMMDD-HHMMSS.EXT``
    (docs/protocol/configuration.md §6).

    Files renamed more than ``max_days`` days ago are then deleted; a negative number keeps them. A file that cannot be
    opened or written never raises: one line on standard error says so, and lines are lost until it works again. A pipe
    or terminal whose reader has stopped is not waited for; see :class:`~aiofrp.output.Lines`.
    """

    def __init__(
        self, path: str, max_days: int, *, form: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        """``form``: a key of :data:`~aiofrp.logforms.FORMS`, ``frp`` if empty. ``clock`` gives seconds since the
        epoch."""
        super().__init__(FORMS[form]() if form else FrpForm())
        self._path = Path(path)
        self._max_days = max_days
        self._clock = clock
        self._file: io.FileIO | None = None
        self._out = Lines()
        self._gathered: list[str] = []  # lines that are not written yet
        self._followed_at = clock()
        self._retry_at = 0.0  # when a file that failed is tried again
        self._midnight = next_midnight(clock())
        self._complained = False
        self._open()

    def add(self, line: str) -> None:
        now = self._clock()
        if now >= self._midnight:
            self._midnight = next_midnight(now)
            self.write()
            self._rotate(now)
        if self._file is None and now >= self._retry_at:
            self._open()
        if self._file is not None:
            self._gathered.append(line)

    def write(self) -> None:
        lines, self._gathered = self._gathered, []
        if lines and self._file is not None:
            self._follow_name()
        if lines and self._file is not None:
            self._write(self._file, "".join(lines))

    def _follow_name(self) -> None:
        """Go on in a new file if somebody has renamed or deleted this one, as programs that rotate logs do."""
        now = self._clock()
        if self._file is None or abs(now - self._followed_at) < _FOLLOW:
            return
        self._followed_at = now
        try:
            ours, theirs = os.fstat(self._file.fileno()), os.stat(self._path)
        except FileNotFoundError:
            moved = True
        except OSError:
            return
        else:
            moved = stat.S_ISREG(ours.st_mode) and not os.path.samestat(ours, theirs)
        if moved:
            self._forget()
            self._open()

    def reopen(self) -> None:
        """Go on in the file that now has the name, which somebody may have renamed."""
        with self.guard:
            self.write()
            self._forget()
            self._open()

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        with self.guard:
            self.write()
            self._forget()
        super().close()

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            # It may be a pipe or a terminal.
            flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
            self._file = io.FileIO(os.open(self._path, flags, 0o600), "ab")
            self._out = Lines()
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

    def _write(self, file: io.FileIO, lines: str) -> None:
        try:
            self._out.write(file, lines.encode("utf-8", TEXT_ERRORS))
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
            from aiofrp.hints.catalogue import find  # here, as the rows are needed only then

            text = f"cannot write the log file {self._path}: {error.strerror}; lines are lost"
            hint = find("files", text)
            print(text if hint is None else f"{text}\n{hint}", file=sys.stderr)


def next_midnight(now: float) -> float:
    """The first second of the next day in local time, whatever the clocks do in between."""
    today = time.localtime(now)
    return time.mktime((today.tm_year, today.tm_mon, today.tm_mday + 1, 0, 0, 0, 0, 0, -1))


def _made_at(stamp: str) -> float | None:
    try:
        return time.mktime(time.strptime(stamp, _BACKUP))
    except (ValueError, OverflowError):
        return None

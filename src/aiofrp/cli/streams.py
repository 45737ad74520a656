"""Standard input, output and error of a program, whatever it was started with.

An init system, a cron job or a container may leave them closed; a disk may be full, a reader gone or a terminal
hung up; and the encoding of a terminal may lack characters of a name. None of that ends a program: what cannot be
written is dropped, and a command that was to print something ends with an exit code that is not 0. A server or client
never waits for a reader that stops reading.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TextIO

from aiofrp.output import TEXT_ERRORS

if TYPE_CHECKING:
    from aiofrp.output import Output


#: Seconds that a reader gets at the end for the last lines.
_LAST_LINES = 0.5


class _Dropping(io.FileIO):
    """A file whose bytes are dropped when they cannot be written; ``error`` is the first reason.

    ``output``, where it is set, writes without waiting."""

    error: OSError | None = None
    output: Output | None = None

    def write(self, data: object, /) -> int:
        """Write ``data``, or drop it after an error. Returns the number of bytes that were taken."""
        view = memoryview(data)  # type: ignore[arg-type]  # io.FileIO takes any buffer, too
        if self.output is not None:
            self.output.write(view)
            return view.nbytes
        try:
            written = super().write(view)
        except OSError as error:
            self.failed(error)
            return view.nbytes
        return view.nbytes if written is None else written  # None: the file is in non-blocking mode and full

    def failed(self, error: OSError) -> None:
        """Remember the first error."""
        self.error = self.error or error


_output: _Dropping | None = None  # standard output, once it is prepared
_errors: _Dropping | None = None  # standard error


def prepare() -> None:
    """Make the three files usable; the first thing a program does."""
    global _output, _errors
    _open_missing()
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    if sys.stdout is sys.__stdout__:
        _output = _Dropping(1, "w", closefd=False)
        sys.stdout = _text(_output, sys.stdout)
    if sys.stderr is sys.__stderr__:
        _errors = _Dropping(2, "w", closefd=False)
        sys.stderr = _text(_errors, sys.stderr)
    for stream in (sys.stdout, sys.stderr):  # those that somebody has replaced
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError):
                stream.reconfigure(errors=TEXT_ERRORS)


def never_wait(regained: Callable[[str, int], None]) -> None:
    """Let nothing that is printed from now on wait for its reader; see :class:`~aiofrp.output.Output`.

    A thread calls ``regained`` with the name of a file whose reader goes on and the number of lines that were lost.
    """
    from aiofrp.output import Output  # here, as the commands that only print do without

    for file, name in ((_output, "standard output"), (_errors, "standard error")):
        if file is not None and file.output is None:
            (sys.stdout if file is _output else sys.stderr).flush()
            file.output = Output(file.fileno(), failed=file.failed, regained=partial(regained, name))


def lost() -> OSError | None:
    """Why some of standard output was dropped, if it was."""
    sys.stdout.flush()
    if _output is not None and _output.output is not None:
        _output.output.finish(_LAST_LINES)
    return None if _output is None else _output.error


def forgive() -> None:
    """Forget the errors of standard output so far: what was lost were log lines, which fail no command."""
    if _output is not None:
        _output.error = None


def is_reader_gone(error: OSError) -> bool:
    """Whether nobody reads standard output any more."""
    return error.errno == errno.EPIPE


def _open_missing() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
            os.set_inheritable(opened, True)  # for commands that the program starts


def _text(file: _Dropping, before: TextIO | None) -> io.TextIOWrapper:
    """``file`` as text in the encoding of the stream ``before`` it, which leaves the file open."""
    encoding = before.encoding if before is not None else "utf-8"
    lines = file.isatty() or file.fileno() == 2
    return io.TextIOWrapper(io.BufferedWriter(file), encoding, TEXT_ERRORS, line_buffering=lines)

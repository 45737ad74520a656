"""Writing to a descriptor whose reader may stop: a terminal after Ctrl-S, a pipe that nobody reads.

The program never waits. What cannot be written at once is kept, and a thread writes it when the reader goes on. What
does not fit in :data:`MAX_KEPT` bytes, and all that follows until these are written, is lost and counted. The flags of
the descriptor itself stay as they are, since other programs share them.
"""

from __future__ import annotations

import codecs
import io
import os
import select
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

#: The error handler for text that is printed or logged: a byte that is no text stays as it came, and a character that
#: the encoding has not is written as an escape.
TEXT_ERRORS = "aiofrp.text"
#: Bytes that are kept for a reader that has stopped.
MAX_KEPT = 256 * 1024
#: Seconds a terminal is left alone that says it takes bytes and does not.
_PAUSE = 0.05

Send = Callable[[bytes | memoryview], int]
"""Writes some of the bytes at once and gives their number. Raises :exc:`BlockingIOError` when there is no place, and
another :exc:`OSError` when there will be none."""


class Output:
    """Writes without waiting; for use by any thread."""

    def __init__(
        self, descriptor: int, *, failed: Callable[[OSError], None], regained: Callable[[int], None]
    ) -> None:
        """``failed`` gets the error of each write that failed, whose bytes are lost. ``regained`` gets the number of
        lines that were lost, once all that was kept is written; the thread of this output calls it."""
        self._descriptor = descriptor
        self._send, self._close = _without_waiting(descriptor)
        self._failed = failed
        self._regained = regained
        self._lock = threading.Lock()
        self._kept: deque[bytes] = deque()
        self._size = 0  # bytes in _kept
        self._lost = 0  # lines
        self._writer: threading.Thread | None = None  # while something is kept

    def write(self, data: bytes | memoryview) -> None:
        """Write ``data``, or keep or lose it."""
        with self._lock:
            if not self._kept and self._send is not None:
                try:
                    sent = self._send(data)
                except BlockingIOError:
                    sent = 0
                except OSError as error:
                    self._failed(error)
                    return
                if sent == len(data):
                    return
                data = data[sent:]
            self._keep(bytes(data))

    def finish(self, seconds: float) -> None:
        """Give the reader some seconds to take what is kept."""
        writer = self._writer
        if writer is not None:
            writer.join(seconds)

    def close(self) -> None:
        """Close what was opened beside the descriptor, which stays open. Nothing may be written any more."""
        self._close()

    def _keep(self, data: bytes) -> None:
        if self._lost or (self._kept and self._size + len(data) > MAX_KEPT):
            self._lost += data.count(b"\n")
            return
        self._kept.append(data)
        self._size += len(data)
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_kept, name="output", daemon=True)
            self._writer.start()

    def _write_kept(self) -> None:
        while True:
            with self._lock:
                if not self._kept:
                    self._writer = None
                    lost, self._lost = self._lost, 0
                    break
                data = self._kept[0]
            try:
                sent = self._wait_and_send(data)
            except OSError as error:
                sent = len(data)
                self._failed(error)
            with self._lock:
                self._size -= sent
                if sent == len(data):
                    self._kept.popleft()
                else:
                    self._kept[0] = data[sent:]
        if lost:
            self._regained(lost)

    def _wait_and_send(self, data: bytes) -> int:
        send = self._send or partial(os.write, self._descriptor)  # the latter may wait itself
        try:
            return send(data)
        except BlockingIOError:
            ready = select.poll()
            ready.register(self._descriptor, select.POLLOUT)
            ready.poll()
        try:
            return send(data)
        except BlockingIOError:
            time.sleep(_PAUSE)
            return 0


def _without_waiting(descriptor: int) -> tuple[Send | None, Callable[[], None]]:
    """How to write without waiting, ``None`` where it is not known how, and how to close what was opened for it."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        import socket  # here, as it takes long to load

        shared = socket.socket(fileno=os.dup(descriptor))
        return lambda data: shared.send(data, socket.MSG_DONTWAIT), shared.close
    if not stat.S_ISFIFO(mode) and not os.isatty(descriptor):
        return partial(os.write, descriptor), _nothing  # a file, which takes everything, or the null device
    flags = os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        # Opened again by Linux, it is the same pipe or terminal with flags of its own.
        own = os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:
        return None, _nothing
    return partial(os.write, own), partial(os.close, own)


def _nothing() -> None:
    pass


class Lines:
    """Lines to a file in non-blocking mode. Those for which there is no place are lost; the next one says how many."""

    __slots__ = ("_lost", "_rest")

    def __init__(self) -> None:
        self._rest = b""  # of what was written in part
        self._lost = 0

    def write(self, file: io.RawIOBase, lines: bytes) -> None:
        """Write whole lines to ``file``, or lose them. Raises :exc:`OSError` when the file fails."""
        data = self._rest
        fits = len(data) <= MAX_KEPT
        if fits:
            data += (b"%d lines were lost, as nobody read them\n" % self._lost if self._lost else b"") + lines
        written = file.write(data) or 0
        self._lost = 0 if fits and written else self._lost + lines.count(b"\n")
        if written:
            self._rest = data[written:]


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

"""Output whose reader stops: nothing waits, what is too much is counted, and the descriptor stays as it was."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import pytest

from aiofrp import output
from aiofrp.output import MAX_KEPT, Output

pytestmark = pytest.mark.skipif(os.name == "nt", reason="descriptors of POSIX")

PATIENCE = 20.0


@dataclass
class Rig:
    """An output, the descriptor its reader has, and what the output said."""

    reading: int
    writing: int
    errors: list[OSError] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    told: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.output = Output(self.writing, failed=self._failed, regained=self._regained)

    def _failed(self, error: OSError) -> None:
        self.errors.append(error)
        self.told.set()

    def _regained(self, lines: int) -> None:
        self.lost.append(lines)
        self.told.set()

    def read_lines(self) -> list[bytes]:
        """All lines until the output says what was lost."""
        text = b""
        ready = select.poll()
        ready.register(self.reading, select.POLLIN)
        while not self.told.is_set() or ready.poll(0):
            if ready.poll(10):
                text += os.read(self.reading, 65536)
        return text.replace(b"\r\n", b"\n").splitlines()


@contextmanager
def pipe() -> Iterator[Rig]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield from closing(reading, writing)


@contextmanager
def terminal() -> Iterator[Rig]:
    reading, writing = os.openpty()
    termios.tcflow(writing, termios.TCOOFF)
    yield from closing(reading, writing)


@contextmanager
def connected() -> Iterator[Rig]:
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    yield from closing(far.detach(), near.detach())


def closing(reading: int, writing: int) -> Iterator[Rig]:
    before = fcntl.fcntl(writing, fcntl.F_GETFL)
    rig = Rig(reading, writing)
    try:
        yield rig
        assert fcntl.fcntl(writing, fcntl.F_GETFL) == before
    finally:
        rig.output.close()
        for descriptor in {rig.reading, writing} - {-1}:
            os.close(descriptor)


def go_on(rig: Rig) -> None:
    if os.isatty(rig.writing):
        termios.tcflow(rig.writing, termios.TCOON)


@pytest.mark.parametrize("reader", [pipe, terminal, connected])
@pytest.mark.parametrize("known", [True, False], ids=["at once", "by a thread"])
def test_a_reader_that_stops(
    reader: Callable[[], AbstractContextManager[Rig]], known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not known:
        monkeypatch.setattr(output, "_without_waiting", lambda descriptor: (None, output._nothing))
    line, count = b"%08d" + b"x" * 991 + b"\n", MAX_KEPT // 1000 + 100
    with reader() as rig:
        for number in range(count):
            rig.output.write(line % number)
        assert not rig.told.is_set()
        go_on(rig)
        text = rig.read_lines()
        assert len(text) >= MAX_KEPT // 1000
        assert [int(shown[:8]) for shown in text] == list(range(len(text)))
        assert rig.lost == [count - len(text)]
        rig.output.write(b"after\n")
        assert os.read(rig.reading, 100).split() == [b"after"]


@pytest.mark.parametrize("reader", [pipe, connected])
def test_a_reader_that_goes_away(reader: Callable[[], AbstractContextManager[Rig]]) -> None:
    with reader() as rig:
        for _ in range(100):
            rig.output.write(b"x" * 1000 + b"\n")
        os.close(rig.reading)
        rig.reading = -1
        rig.output.finish(PATIENCE)
        assert rig.errors
        rig.output.write(b"x\n")
        assert isinstance(rig.errors[-1], BrokenPipeError)

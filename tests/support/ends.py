"""A stream's user for tests: it keeps everything it is told and objects to broken rules of the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiofrp.stream.base import Buffer, Pause, Stream

#: Seconds after which a test that waits for something gives up.
PATIENCE = 60.0
#: Turns of the loop in which :func:`until` does not sleep: what needs no time is there by then.
_TURNS = 100


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until ``condition`` holds: it is asked after each of the first turns, later each millisecond."""
    async with asyncio.timeout(PATIENCE):
        for _ in range(_TURNS):
            if condition():
                return
            await asyncio.sleep(0)
        while not condition():
            await asyncio.sleep(0.001)


async def settle(watched: Callable[[], object], turns: int = 40) -> None:
    """Let the loop run until ``watched`` has not changed for ``turns`` turns."""
    async with asyncio.timeout(PATIENCE):
        last, same = watched(), 0
        while same < turns:
            await asyncio.sleep(0)
            now = watched()
            last, same = now, (same + 1 if now == last else 0)


class End:
    """One end of a pair: a receiver with its stream.

    ``complaints`` names every rule of the contract that was broken; a test ends with :meth:`check`.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.data = bytearray()
        self.chunks = 0
        self.eofs = 0
        self.losses: list[Exception | None] = []
        self.writing_paused = False
        self.pauses = 0
        self.complaints: list[str] = []
        self.on_data: Callable[[Buffer], None] | None = None
        self.on_eof: Callable[[], None] | None = None
        self._calling = ""

    def attach(self) -> End:
        """Become the receiver; returns itself."""
        with self._quiet("attach"):
            self.stream.attach(self)
        return self

    # What a user does

    def write(self, data: Buffer) -> None:
        with self._quiet("write"):
            self.stream.write(data)

    def write_eof(self) -> None:
        with self._quiet("write_eof"):
            self.stream.write_eof()

    def close(self) -> None:
        with self._quiet("close"):
            self.stream.close()

    def abort(self) -> None:
        with self._quiet("abort"):
            self.stream.abort()

    def pause(self, why: Pause = Pause.PEER) -> None:
        self.stream.pause_reading(why)

    def resume(self, why: Pause = Pause.PEER) -> None:
        with self._quiet("resume_reading"):
            self.stream.resume_reading(why)

    # What a user sees

    @property
    def lost(self) -> bool:
        """Whether the stream is gone."""
        return bool(self.losses)

    @property
    def error(self) -> Exception | None:
        """What the stream was lost with."""
        assert self.losses, "the stream is not lost"
        return self.losses[0]

    def check(self) -> None:
        """Fail if a rule was broken."""
        assert not self.complaints, self.complaints

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        self._object(self.eofs > 0, "data after eof")
        self._object(self.lost, "data after connection_lost")
        self._object(not data, "an empty chunk")
        immutable = type(data) is bytes or (
            isinstance(data, memoryview) and data.readonly and isinstance(data.obj, bytes)
        )
        self._object(not immutable, f"a chunk that may change: {type(data)}")
        self._object(bool(self._calling), f"data_received within {self._calling}")
        self.data += data
        self.chunks += 1
        if self.on_data is not None:
            self.on_data(data)

    def eof_received(self) -> None:
        self.eofs += 1
        self._object(self.eofs > 1, "a second eof")
        self._object(self.lost, "eof after connection_lost")
        self._object(bool(self._calling), f"eof_received within {self._calling}")
        if self.on_eof is not None:
            self.on_eof()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self.losses.append(exc)
        self._object(len(self.losses) > 1, "a second connection_lost")
        self._object(bool(self._calling), f"connection_lost within {self._calling}")

    def pause_writing(self) -> None:
        self._object(self.writing_paused, "pause_writing twice")
        self._object(self.lost, "pause_writing after connection_lost")
        self.writing_paused = True
        self.pauses += 1

    def resume_writing(self) -> None:
        self._object(not self.writing_paused, "resume_writing without a pause")
        self._object(self.lost, "resume_writing after connection_lost")
        self.writing_paused = False

    # Private

    def _object(self, broken: bool, rule: str) -> None:
        if broken:
            self.complaints.append(rule)

    @contextmanager
    def _quiet(self, call: str) -> Iterator[None]:
        before, self._calling = self._calling, call
        try:
            yield
        finally:
            self._calling = before


class Borrower(End):
    """A user that may be given memory which is used again: it copies what it keeps. ``given`` is what it got, which may
    have other bytes by now."""

    borrows = True

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self.given: list[Buffer] = []

    def data_received(self, data: Buffer, /) -> None:
        self.given.append(data)
        super().data_received(bytes(data))

    @property
    def lent(self) -> list[bool]:
        """Of each chunk, whether its memory is used again."""
        return [not memoryview(data).readonly for data in self.given]

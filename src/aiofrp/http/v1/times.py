"""What has to come in time on a connection of HTTP/1: from its user, or from the service it waits for."""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.http.deadline import BODY_LEAST, BODY_WINDOW, HEAD_TIMEOUT, IDLE_TIMEOUT, Deadline, OutputWatch
from aiofrp.stream.base import Stream, nothing

#: Seconds between a last response and the end of the connection; what the user still sends is dropped.
LINGER = 1.0
#: Seconds without progress after which a response to a user that finished sending is given up.
HALF_CLOSED = 60.0


class UserTimes:
    """The limits of time of one connection; one is in force at a time, besides that of a full output.

    ``missed`` is called when what was expected did not come, ``stuck`` when the user accepts too little of a full
    output.
    """

    __slots__ = ("_deadline", "_output", "_stream", "_stuck")

    def __init__(self, stream: Stream, missed: Callable[[], None], stuck: Callable[[], None]) -> None:
        self._stream = stream
        self._stuck = stuck
        self._deadline = Deadline(missed)
        self._output: OutputWatch | None = None  # made when the output is full for the first time

    def expect_head(self) -> None:
        """The rest of a head, or the first one, has to come."""
        self._deadline.set(HEAD_TIMEOUT)

    def expect_request(self) -> None:
        """Another request may come, or the connection ends."""
        self._deadline.set(IDLE_TIMEOUT)

    def expect_body(self) -> None:
        """The request's body has to come at its least pace; :meth:`received` counts it."""
        self._deadline.pace(BODY_WINDOW, BODY_LEAST)

    def received(self, size: int) -> None:
        """``size`` bytes of the body have come."""
        self._deadline.moved(size)

    def expect_answer(self, seconds: float | None) -> None:
        """The service has to answer; ``None``: whenever it likes."""
        self._deadline.set(seconds)

    def expect_progress(self) -> None:
        """The response to a user that finished sending has to go on."""
        self._deadline.set(HALF_CLOSED)

    def linger(self) -> None:
        """The user has a moment to read its last response."""
        self._deadline.set(LINGER)

    def clear(self) -> None:
        """Nothing has to come for now."""
        self._deadline.clear()

    def output_full(self) -> None:
        """The user has to accept some of what waits for it."""
        if self._output is None:
            self._output = OutputWatch(self._stream, self._stuck)
        self._output.start()

    def output_free(self) -> None:
        """The output is no longer full."""
        if self._output is not None:
            self._output.stop()

    def close(self) -> None:
        """Nothing is expected any more; the owner is let go, so that memory is freed without the garbage collector."""
        self._stuck = nothing
        self._deadline.close()
        if self._output is not None:
            self._output.close()

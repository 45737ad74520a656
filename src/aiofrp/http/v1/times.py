"""The time limits of one HTTP/1 user connection, for its user and for the service it waits for."""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.http.deadline import BODY_LEAST, BODY_WINDOW, HEAD_TIMEOUT, IDLE_TIMEOUT, Deadline, OutputWatch
from aiofrp.stream.base import Stream, nothing

#: Seconds between the last response and the end of the connection; bytes that the user sends meanwhile are dropped.
LINGER = 1.0
#: Seconds without progress after which a response to a user that sent EOF is aborted.
HALF_CLOSED = 60.0


class UserTimes(Deadline):
    """The time limits of one connection.

    Each ``expect_…`` replaces the limit before it, which :meth:`clear` removes; the limit of a full output runs beside
    that. ``missed`` is called once when the limit passes, ``stuck`` once when the user accepts too little of a full
    output (:class:`~aiofrp.http.deadline.OutputWatch`).
    """

    __slots__ = ("_output", "_stream", "_stuck")

    def __init__(self, stream: Stream, missed: Callable[[], None], stuck: Callable[[], None]) -> None:
        super().__init__(missed)
        self._stream = stream
        self._stuck = stuck
        self._output: OutputWatch | None = None  # made when the output is full for the first time

    def expect_head(self) -> None:
        """A head must be complete within :data:`~aiofrp.http.deadline.HEAD_TIMEOUT` seconds."""
        self.set(HEAD_TIMEOUT)

    def expect_request(self) -> None:
        """The next request must begin within :data:`~aiofrp.http.deadline.IDLE_TIMEOUT` seconds."""
        self.set(IDLE_TIMEOUT)

    def expect_body(self) -> None:
        """The request's body must arrive at its least rate; :meth:`moved` counts its bytes."""
        self.pace(BODY_WINDOW, BODY_LEAST)

    def expect_answer(self, seconds: float | None) -> None:
        """The service must send a response head within ``seconds``; ``None``: without a limit."""
        self.set(seconds)

    def expect_progress(self) -> None:
        """The response must progress within :data:`HALF_CLOSED` seconds, because its user has sent EOF."""
        self.set(HALF_CLOSED)

    def linger(self) -> None:
        """The connection ends in :data:`LINGER` seconds, in which the user reads its last response."""
        self.set(LINGER)

    def output_full(self) -> None:
        """The output became full: the user must accept some of it in time."""
        if self._output is None:
            self._output = OutputWatch(self._stream, self._stuck)
        self._output.start()

    def output_free(self) -> None:
        """The output is no longer full: end its limit."""
        if self._output is not None:
            self._output.stop()

    def close(self) -> None:
        """End all limits and drop the references to the owner, so that its memory is freed without the garbage
        collector. No other call may follow."""
        self._stuck = nothing
        super().close()
        if self._output is not None:
            self._output.close()

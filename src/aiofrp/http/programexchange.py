"""Requests that the program itself answers: later than in the call that judged them, or in pieces."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.http.answers import Answer
from aiofrp.http.exchange import ExchangeUser, Failure
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.body import Body, body_of
from aiofrp.wire.http.head import UNTIL_EOF, Field, RequestHead, made_response


class ProgramExchange(ABC):
    """An :class:`~aiofrp.http.exchange.Exchange` without a service; the request's body is counted and dropped.

    A subclass responds in :meth:`respond` or at any time after it: with one :meth:`answer`, or with :meth:`begin`, any
    number of :meth:`write` and :meth:`finish` or :meth:`break_off`. It writes no more than one piece while
    :attr:`paused` is true, and goes on in :meth:`writable`. What it holds it gives back in :meth:`released`.
    """

    __slots__ = ("_body", "_over", "_sent", "paused", "request", "user")

    def __init__(self, user: ExchangeUser, request: RequestHead) -> None:
        self.user = user
        self.request = request
        self.paused = False  #: the user takes no more for now
        self._sent = body_of(request.body_size)
        self._body: Body | None = None
        self._over = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} responding={self.responding} over={self._over}>"

    # For subclasses to provide

    @abstractmethod
    def respond(self) -> None:
        """Answer the request, now or later."""

    def writable(self) -> None:  # noqa: B027 - a whole answer is written in one piece
        """The user takes more again."""

    def released(self) -> None:  # noqa: B027 - most hold nothing
        """It is over, whatever ended it. Called once."""

    # For subclasses to call

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return self._over

    def answer(self, answer: Answer) -> None:
        """Respond with ``answer``, whole."""
        if not self._over:
            self.abandon()
            self.user.answer(answer)

    def begin(self, status: int, reason: bytes, fields: list[Field], size: int = UNTIL_EOF) -> None:
        """Begin a response with a body of ``size`` bytes, or of a size that is not known. ``fields`` has no field about
        the connection or the length."""
        if self._over:
            return
        head = made_response(status, reason, fields, size)
        body = self._body = self.user.begin(head, 0 if self.request.method == b"HEAD" else size)
        if not self._over:
            body.receive_data(b"")
            self.user.data_received(b"")

    def write(self, data: Buffer) -> None:
        """More of the body; what is beyond its size is dropped, and so is all of it for HEAD."""
        if self._body is not None and not self._over:
            size = self._body.receive_data(data)
            if size:
                self.user.data_received(data if size == len(data) else data[:size])

    def finish(self) -> None:
        """The response is complete. Raises RemoteProtocolError when the body is shorter than was announced."""
        if self._body is not None and not self._over:
            self._body.receive_eof()
            self.abandon()
            self.user.eof_received()

    def break_off(self, error: Exception) -> None:
        """The rest of the response cannot be had: the user sees that it is not whole."""
        if not self._over:
            self.abandon()
            self.user.connection_lost(error)

    # Exchange

    @property
    def responding(self) -> bool:
        return self._body is not None

    @property
    def whole(self) -> bool:
        return self._sent.done

    def start(self) -> None:
        self.paused = self.user.full
        self.respond()

    def send(self, data: Buffer) -> int:
        if self._over:
            return len(data)
        try:
            return self._sent.receive_data(data)
        except RemoteProtocolError:
            self.abandon()
            raise

    def end(self) -> None:
        if self._over:
            return
        try:
            self._sent.receive_eof()
        except RemoteProtocolError:
            self.abandon()
            raise

    def half_close(self) -> None:  # noqa: B027 - the answer does not depend on it
        """The user finished sending."""

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            if not self._over:
                self.writable()

    def abandon(self) -> None:
        if not self._over:
            self._over = True
            self.released()

    def time_out(self) -> None:
        if not self._over:
            self.abandon()
            self.user.failed(Failure.TIMED_OUT, Closed("the response did not begin in time"))


class LateAnswer(ProgramExchange):
    """Answers after some seconds: a wrong password costs its user time and nobody else."""

    __slots__ = ("_answer", "_seconds", "_timer")

    def __init__(self, user: ExchangeUser, request: RequestHead, answer: Answer, seconds: float) -> None:
        super().__init__(user, request)
        self._answer = answer
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def respond(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds, self.answer, self._answer)

    def released(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

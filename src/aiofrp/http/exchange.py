"""What happens to one request once its route is known, and the two parties of that: the exchange, and its user.

An exchange is served by a service (:mod:`aiofrp.http.serviceexchange`) or by the program itself
(:mod:`aiofrp.http.programexchange`). Its user speaks HTTP/1 or HTTP/2.
"""

from __future__ import annotations

import enum
from typing import Protocol

from aiofrp.errors import FrpError
from aiofrp.http.answers import Answer
from aiofrp.http.upstream import UpstreamConnection
from aiofrp.stream.base import Buffer, Receiver
from aiofrp.wire.http.body import Body
from aiofrp.wire.http.head import ResponseHead


class Failure(enum.Enum):
    """Why a request gets no response of the service."""

    NOBODY = "nobody"
    """No connection to the service, or it ended or sent what is no HTTP before a response."""
    TIMED_OUT = "timed out"
    """No response head within the site's ``response_timeout``."""


class ExchangeUser(Receiver, Protocol):
    """The user's side of an exchange: it receives the response's body as a receiver does, between ``begin`` and the
    end. ``pause_writing`` and ``resume_writing`` are about the request's body.

    Order of calls: ``request_sent`` at most once; ``inform`` any number of times; then either ``begin``,
    ``data_received`` at least once and ``eof_received`` or ``connection_lost``, or one of ``switched``, ``answer`` and
    ``failed`` alone.
    """

    @property
    def source(self) -> tuple[str, int]:
        """The user's address."""

    @property
    def full(self) -> bool:
        """Whether the user takes no more for now."""

    def request_sent(self) -> None:
        """The service has all of the request; it should answer in time."""

    def inform(self, head: ResponseHead) -> None:
        """An interim response (1xx)."""

    def begin(self, head: ResponseHead, size: int) -> Body:
        """The response, with a body of ``size`` (see :mod:`aiofrp.wire.http.head`). Returns its count, which the
        exchange feeds before each ``data_received``; that comes at once after ``begin``, empty if there is nothing."""

    def eof_received(self) -> None:
        """The response is complete."""

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The response broke off in the middle; ``None``: by an early end of the service's connection."""

    def switched(self, head: ResponseHead, connection: UpstreamConnection, early: bytes) -> None:
        """The service agreed to the upgrade or the CONNECT: the connection is a tunnel now; ``early`` follows the
        head."""

    def answer(self, answer: Answer) -> None:
        """The program itself answers, in whole."""

    def failed(self, failure: Failure, error: FrpError) -> None:
        """There will be no response; the site says what the user gets."""


class Exchange(Protocol):
    """One request under way, as its user drives it. Nothing calls the user before :meth:`start`."""

    @property
    def responding(self) -> bool:
        """Whether the response has begun."""

    @property
    def whole(self) -> bool:
        """Whether all of the request has come."""

    def start(self) -> None:
        """Begin; everything else follows from callbacks. The first may come within this call."""

    def send(self, data: Buffer) -> int:
        """More of the request's body, framed as the head said.

        Returns how many bytes of ``data`` belong to the body; the others are not taken. Raises RemoteProtocolError
        when its form is broken; the exchange is over then.
        """

    def end(self) -> None:
        """The user has sent all of its request.

        Raises RemoteProtocolError when the head announced more than has come; the exchange is over then.
        """

    def half_close(self) -> None:
        """The user finished sending, after all of its request."""

    def pause(self) -> None:
        """The user takes no more of the response for now."""

    def resume(self) -> None:
        """The user takes more of the response again."""

    def abandon(self) -> None:
        """The user is gone, or needs no more of the response: release everything, call nobody. May come again."""

    def time_out(self) -> None:
        """The response took too long to begin."""

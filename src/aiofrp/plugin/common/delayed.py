"""A route to an answer that comes some seconds later."""

from __future__ import annotations

from aiofrp.http.answers import Answer
from aiofrp.http.exchange import Exchange, ExchangeUser
from aiofrp.http.programexchange import LateAnswer
from aiofrp.http.site import RequestRoute
from aiofrp.wire.http.head import RequestHead


class Delayed(RequestRoute):
    """Every request gets ``answer`` after ``seconds`` seconds; no service is asked."""

    __slots__ = ("_answer", "_seconds")

    def __init__(self, answer: Answer, seconds: float) -> None:
        self._answer = answer
        self._seconds = seconds

    def exchange(self, user: ExchangeUser, request: RequestHead, peer: bytes) -> Exchange:
        return LateAnswer(user, request, self._answer, self._seconds)

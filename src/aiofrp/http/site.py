"""What a user of the engine provides: who gets a request, what is answered when nobody does, and a log."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from aiofrp.errors import FrpError
from aiofrp.http.answers import Answer
from aiofrp.http.exchange import Failure
from aiofrp.http.upstream import Upstream
from aiofrp.wire.http.forward import HeaderChanges
from aiofrp.wire.http.head import Field, RequestHead


class RequestRoute(Protocol):
    """Where a request goes, and how heads are changed on the way."""

    @property
    def rewrite(self) -> bytes:
        """The Host the service sees instead of the user's, or empty."""

    @property
    def connection(self) -> bytes:
        """The Connection field set in requests, or empty."""

    @property
    def response(self) -> HeaderChanges:
        """The fields set in responses."""

    def next(self) -> Upstream:
        """The service of the next request. Called once per request."""

    def request_fields(self, request: RequestHead, peer: bytes) -> list[Field]:
        """The fields the service gets, besides Host and those about the connection. ``peer``: the user's IP
        address."""


class Site(ABC):
    """Decides about requests. All methods are called in callbacks: they wait for nothing."""

    #: Whether users may speak HTTP/2 with prior knowledge (RFC 9113 §3.3).
    http2: ClassVar[bool] = True

    #: Seconds from the end of a request to the head of its response; ``None``: without limit.
    response_timeout: float | None = None

    @abstractmethod
    def judge(self, request: RequestHead) -> RequestRoute | Answer:
        """The route of ``request``, which may be changed here, or the answer it gets without a service.

        Raises :class:`~aiofrp.wire.http.head.HeadError` for a request to refuse; its connection ends with that.
        """

    @abstractmethod
    def failed(self, request: RequestHead, failure: Failure, error: FrpError) -> Answer:
        """No service responded to ``request``: log it, and return what the user gets."""

    @abstractmethod
    def broke_off(self, request: RequestHead, error: Exception | None) -> None:
        """The response ended in the middle, ``None``: by an early end of the service's connection. Log it; the user's
        connection, or its stream in HTTP/2, is reset."""

"""What a user of the engine provides: who gets a request, what is answered when nobody does, and a log."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Protocol

from aiofrp.errors import FrpError
from aiofrp.http.answers import Answer
from aiofrp.http.exchange import Exchange, ExchangeUser, Failure
from aiofrp.http.serviceexchange import ServiceExchange
from aiofrp.http.upstream import Upstream
from aiofrp.wire.http.forward import NO_CHANGES, HeaderChanges, encode_connect, encode_request
from aiofrp.wire.http.head import Field, RequestHead


class RequestRoute(ABC):
    """Who serves a request."""

    __slots__ = ()

    #: The fields set in responses.
    response: HeaderChanges = NO_CHANGES

    @abstractmethod
    def exchange(self, user: ExchangeUser, request: RequestHead, peer: bytes) -> Exchange:
        """The exchange of ``request``, not started. Called once per request. ``peer``: the user's IP address."""


class ServiceRoute(RequestRoute):
    """A route to a service, and how heads are changed on the way."""

    __slots__ = ()

    #: The Host the service sees instead of the user's, or empty.
    rewrite: bytes
    #: The fields set in requests.
    changes: HeaderChanges

    @abstractmethod
    def next(self) -> Upstream:
        """The service of the next request. Called once per request."""

    @abstractmethod
    def about(self, request: RequestHead, peer: bytes) -> Iterable[Field]:
        """The fields the service gets about the origin of ``request``. ``peer``: the user's IP address."""

    def exchange(self, user: ExchangeUser, request: RequestHead, peer: bytes) -> Exchange:
        if request.method == b"CONNECT":
            head = encode_connect(request)
        else:
            head = encode_request(request, self.changes, self.about(request, peer), self.rewrite)
        return ServiceExchange(user, self.next(), request, head)


class SiteUser(Protocol):
    """The user a request is judged for."""

    @property
    def source(self) -> tuple[str, int]:
        """The user's address."""

    @property
    def server_name(self) -> str:
        """What the user called us in TLS (SNI), or empty."""


class Site(ABC):
    """Decides about requests. All methods are called in callbacks: they wait for nothing."""

    #: Whether users may speak HTTP/2 with prior knowledge (RFC 9113 §3.3).
    http2: bool = True

    #: Seconds from the end of a request to the head of its response; ``None``: without limit.
    response_timeout: float | None = None

    @abstractmethod
    def judge(self, request: RequestHead, user: SiteUser) -> RequestRoute | Answer:
        """The route of ``request``, which may be changed here, or the answer it gets at once.

        Raises :class:`~aiofrp.wire.http.head.HeadError` for a request to refuse; its connection ends with that.
        """

    @abstractmethod
    def failed(self, request: RequestHead, failure: Failure, error: FrpError) -> Answer:
        """No service responded to ``request``: log it, and return what the user gets."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """No more requests come: give back what is held. Those under way end by themselves."""

    @abstractmethod
    def broke_off(self, request: RequestHead, error: Exception | None) -> None:
        """The response ended in the middle, ``None``: by an early end of the service's connection. Log it; the user's
        connection, or its stream in HTTP/2, is reset."""

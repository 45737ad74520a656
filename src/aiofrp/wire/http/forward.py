"""The request head that a service gets, and the response head that a user gets
(docs/protocol/server.md §6.3, §6.4).

Heads are encoded anew from the parsed values, so that the next parser cannot understand them differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from aiofrp.wire.http.head import CHUNKED, Field, RequestHead, ResponseHead, plain_name

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
#: Fields that a configuration cannot set, because the message determines their values.
_NOT_SET = frozenset((b"host", b"content-length", b"transfer-encoding", b"trailer", b"upgrade"))
#: Methods whose requests have a Content-Length even for an empty body (RFC 9110 §8.6); some services demand it.
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
#: Connection options that name no field to be removed.
_PLAIN_OPTIONS = frozenset((b"", b"close", b"keep-alive", b"upgrade", b"te"))


class HeaderChanges:
    """The fields that a proxy's configuration sets.

    They replace fields of the same name, and those whose names some services treat as the same (:func:`plain_name`).
    ``connection``: the value of the Connection field among them, or empty.
    """

    __slots__ = ("connection", "fields", "names")

    def __init__(self, wanted: Mapping[str, str]) -> None:
        """``wanted``: names and values. Entries that are no field name, or that would frame the message, are ignored.
        Control characters in values become blanks."""
        pairs = [(name.encode(), _CONTROL.sub(b" ", value.encode())) for name, value in wanted.items()]
        fields = [p for p in pairs if _TOKEN.fullmatch(p[0]) and p[0].lower() not in _NOT_SET]
        self.fields = [p for p in fields if p[0].lower() != b"connection"]
        self.connection = b", ".join(value for name, value in fields if name.lower() == b"connection")
        self.names = frozenset(plain_name(name) for name, _ in self.fields)

    @property
    def closes(self) -> bool:
        """Whether the configured Connection field contains ``close``."""
        return b"close" in _options([self.connection])

    def apply(self, fields: list[Field]) -> list[Field]:
        """A list of ``fields`` with the changes; ``fields`` itself when there are none."""
        if not self.names:
            return fields
        return [field for field in fields if plain_name(field[0]) not in self.names] + self.fields


NO_CHANGES = HeaderChanges({})


def request_fields(
    request: RequestHead, changes: HeaderChanges, peer: bytes, *, trusted: bool = False
) -> list[Field]:
    """The fields of the request that a service gets, except Host and those about connection and length.

    ``peer``: the user's IP address; it is appended to the X-Forwarded-For that the user sent. The user's X-Real-IP,
    X-Forwarded-Host and X-Forwarded-Proto pass only if it is ``trusted``, such as a front end on the same machine.
    """
    before = request.noted.get(b"x-forwarded-for")
    sent = request.note if trusted else _not_sent
    forwarded = (
        (b"X-Forwarded-For", b", ".join((*before, peer)) if before else peer),
        (b"X-Forwarded-Host", sent(b"x-forwarded-host") or request.host),
        (b"X-Forwarded-Proto", sent(b"x-forwarded-proto") or b"http"),
        (b"X-Real-IP", sent(b"x-real-ip") or peer),
    )
    return passed_fields(request, changes, forwarded)


def _not_sent(name: bytes) -> bytes:
    return b""


def passed_fields(request: RequestHead, changes: HeaderChanges, forwarded: Iterable[Field]) -> list[Field]:
    """The request's end-to-end fields with ``forwarded`` and ``changes``.

    ``forwarded``: fields about the origin of the request. The user's own fields of these names do not pass; nor do
    those that its Connection field names.
    """
    noted = request.noted
    fields = _without_named(request.fields, request.connection)
    fields += forwarded
    if b"te" in noted and b"trailers" in _options(noted[b"te"]):
        fields.append((b"TE", b"trailers"))
    return changes.apply(fields)


def encode_request(
    request: RequestHead, fields: list[Field], rewrite: bytes, connection: bytes = b""
) -> bytes:
    """The bytes of a request head for a service that speaks HTTP/1.1.

    ``fields``: the result of :func:`request_fields` or :func:`passed_fields`. ``rewrite``: the Host to send instead of
    the user's, or empty. ``connection``: the configured Connection field, which replaces the user's as in frp, or
    empty.
    """
    host = rewrite or request.host
    target = b"http://%b%b" % (host, request.target) if request.absolute else request.target
    lines = [b"%b %b HTTP/1.1\r\nHost: %b" % (request.method, target, host)]
    lines += [b"%b: %b" % field for field in fields]
    if request.body_size == CHUNKED:
        lines.append(b"Transfer-Encoding: chunked")
        lines += [b"Trailer: %b" % value for value in request.noted.get(b"trailer", ())]
    elif request.body_size or b"content-length" in request.noted or request.method in _WITH_BODY:
        lines.append(b"Content-Length: %d" % request.body_size)
    if request.upgrade or connection:
        lines.append(b"Connection: %b" % (connection or b"Upgrade"))
    if request.upgrade:
        lines.append(b"Upgrade: %b" % request.upgrade)
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def encode_connect(request: RequestHead) -> bytes:
    """The bytes of a CONNECT request head for a service that is itself a proxy; it gets the user's credential too."""
    lines = [b"CONNECT %b HTTP/1.1\r\nHost: %b" % (request.target, request.host)]
    lines += [b"%b: %b" % field for field in request.fields]
    lines += [b"Proxy-Authorization: %b" % value for value in request.noted.get(b"proxy-authorization", ())]
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def response_fields(response: ResponseHead, changes: HeaderChanges, date: Callable[[], bytes]) -> list[Field]:
    """The fields of the response that a user gets, except those about connection and length.

    ``date``: called for the value of the Date field when the service sent none.
    """
    fields = _without_named(response.fields, response.connection)
    if b"date" not in response.noted:
        fields.append((b"Date", date()))
    return changes.apply(fields)


def encode_response(status: int, reason: bytes, minor: int, fields: Iterable[Field]) -> bytes:
    """The bytes of a response head for a user that speaks HTTP/1.``minor``. All ``fields`` are sent as they are."""
    lines = [b"HTTP/1.%d %d %b" % (minor, status, reason)]
    lines += [b"%b: %b" % field for field in fields]
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def _without_named(fields: list[Field], options: frozenset[bytes]) -> list[Field]:
    """A copy of ``fields`` without those that the Connection ``options`` name."""
    named = options - _PLAIN_OPTIONS
    if not named:
        return fields.copy()
    return [field for field in fields if field[0].lower() not in named]


def _options(values: list[bytes]) -> list[bytes]:
    return [option.strip(b" \t").lower() for value in values for option in value.split(b",")]

"""The request head that a service gets, and the response head that a user gets
(docs/protocol/server.md §6.3, §6.4).

Heads are encoded anew from the parsed values, so that the next parser cannot understand them differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from aiofrp.wire.http.fields import Field, without_named
from aiofrp.wire.http.head import CHUNKED, RequestHead, ResponseHead, plain_name

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
#: Fields that a configuration cannot set, because the message determines their values.
_NOT_SET = frozenset((b"host", b"content-length", b"transfer-encoding", b"trailer", b"upgrade"))
#: Methods whose requests have a Content-Length even for an empty body (RFC 9110 §8.6); some services demand it.
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))


def _options(values: list[bytes]) -> list[bytes]:
    return [option.strip(b" \t").lower() for value in values for option in value.split(b",")]


class HeaderChanges:
    """The fields that a proxy's configuration sets.

    They replace fields of the same name, and those whose names some services treat as the same (:func:`plain_name`).
    ``connection``: the value of the Connection field among them, or empty. ``closes``: whether it contains ``close``.
    """

    __slots__ = ("closes", "connection", "fields", "names")

    def __init__(self, wanted: Mapping[str, str]) -> None:
        """``wanted``: names and values. Entries that are no field name, or that would frame the message, are ignored.
        Control characters in values become blanks."""
        pairs = [(name.encode(), _CONTROL.sub(b" ", value.encode())) for name, value in wanted.items()]
        fields = [p for p in pairs if _TOKEN.fullmatch(p[0]) and p[0].lower() not in _NOT_SET]
        self.fields = [p for p in fields if p[0].lower() != b"connection"]
        self.connection = b", ".join(value for name, value in fields if name.lower() == b"connection")
        self.names = frozenset(plain_name(name) for name, _ in self.fields)
        self.closes = b"close" in _options([self.connection])

    def apply(self, fields: list[Field]) -> list[Field]:
        """A list of ``fields`` with the changes; ``fields`` itself when there are none."""
        if not self.names:
            return fields
        return [field for field in fields if plain_name(field[0]) not in self.names] + self.fields


NO_CHANGES = HeaderChanges({})


def about_user(request: RequestHead, peer: bytes, *, trusted: bool = False) -> tuple[Field, ...]:
    """The fields by which a service knows the user of ``request``.

    ``peer``: the user's IP address; it is appended to the X-Forwarded-For that the user sent. The user's X-Real-IP,
    X-Forwarded-Host and X-Forwarded-Proto pass only if it is ``trusted``, such as a front end on the same machine.
    """
    before = request.noted.get(b"x-forwarded-for")
    sent = request.note if trusted else _not_sent
    return (
        (b"X-Forwarded-For", b", ".join((*before, peer)) if before else peer),
        (b"X-Forwarded-Host", sent(b"x-forwarded-host") or request.host),
        (b"X-Forwarded-Proto", sent(b"x-forwarded-proto") or b"http"),
        (b"X-Real-IP", sent(b"x-real-ip") or peer),
    )


def _not_sent(name: bytes) -> bytes:
    return b""


def passed_fields(request: RequestHead, changes: HeaderChanges, about: Iterable[Field]) -> list[Field]:
    """The fields of the request that a service gets, except Host and those about connection and length.

    These are the end-to-end fields with ``about`` and ``changes``. ``about``: fields about the origin of the request.
    The user's own fields of these names do not pass; nor do those that its Connection field names.
    """
    fields = [*without_named(request.fields, request.connection), *about]
    asked = request.noted.get(b"te")
    if asked and b"trailers" in _options(asked):
        fields.append((b"TE", b"trailers"))
    return changes.apply(fields)


def encode_request(
    request: RequestHead, changes: HeaderChanges, about: Iterable[Field], rewrite: bytes
) -> bytes:
    """The bytes of a request head for a service that speaks HTTP/1.1, with the fields of :func:`passed_fields`.

    ``rewrite``: the Host to send instead of the user's, or empty. A Connection field in ``changes`` replaces the user's
    as in frp.
    """
    host = rewrite or request.host
    target = b"http://%b%b" % (host, request.target) if request.absolute else request.target
    if changes.names or b"te" in request.noted:
        passed, about = b"", passed_fields(request, changes, about)
    else:
        passed = request.text
    lines = [b"%b %b HTTP/1.1\r\nHost: %b\r\n%b" % (request.method, target, host, passed)]
    lines += [b"%b: %b\r\n" % field for field in about]
    if request.body_size == CHUNKED:
        lines.append(b"Transfer-Encoding: chunked\r\n")
        lines += [b"Trailer: %b\r\n" % value for value in request.noted.get(b"trailer", ())]
    elif request.body_size or b"content-length" in request.noted or request.method in _WITH_BODY:
        lines.append(b"Content-Length: %d\r\n" % request.body_size)
    if request.upgrade or changes.connection:
        lines.append(b"Connection: %b\r\n" % (changes.connection or b"Upgrade"))
    if request.upgrade:
        lines.append(b"Upgrade: %b\r\n" % request.upgrade)
    lines.append(b"\r\n")
    return b"".join(lines)


def encode_connect(request: RequestHead) -> bytes:
    """The bytes of a CONNECT request head for a service that is itself a proxy; it gets the user's credential too."""
    lines = [b"CONNECT %b HTTP/1.1\r\nHost: %b" % (request.target, request.host)]
    lines += [b"%b: %b" % field for field in request.fields]
    lines += [b"Proxy-Authorization: %b" % value for value in request.noted.get(b"proxy-authorization", ())]
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def response_fields(response: ResponseHead, changes: HeaderChanges, date: Callable[[], bytes]) -> list[Field]:
    """The fields of the response that a user gets, except those about connection and length. The list is new.

    ``date``: called for the value of the Date field when the service sent none.
    """
    fields = without_named(response.fields, response.connection).copy()
    if b"date" not in response.noted:
        fields.append((b"Date", date()))
    return changes.apply(fields)


def encode_reply(
    response: ResponseHead,
    minor: int,
    changes: HeaderChanges,
    date: Callable[[], bytes],
    more: Iterable[Field],
) -> bytes:
    """The bytes of the response's head for a user that speaks HTTP/1.``minor``, with the fields of
    :func:`response_fields` and then those of ``more``."""
    if changes.names or b"date" not in response.noted:
        fields = [*response_fields(response, changes, date), *more]
        return encode_response(response.status, response.reason, minor, fields)
    lines = b"".join([b"%b: %b\r\n" % field for field in more])
    return b"HTTP/1.%d %d %b\r\n%b%b\r\n" % (minor, response.status, response.reason, response.text, lines)


def encode_response(status: int, reason: bytes, minor: int, fields: Iterable[Field]) -> bytes:
    """The bytes of a response head for a user that speaks HTTP/1.``minor``. All ``fields`` are sent as they are."""
    lines = [b"HTTP/1.%d %d %b" % (minor, status, reason)]
    lines += [b"%b: %b" % field for field in fields]
    lines.append(b"\r\n")
    return b"\r\n".join(lines)

"""Heads of HTTP/1 requests and responses as values (RFC 9112), and the parser of request heads.

The request line is parsed here, because llhttp knows a fixed list of methods and no UTF-8 in targets; llhttp parses
the fields. Requests that are framed twice, have folded lines, or lines that end in a bare LF are refused. In a parsed
head, the fields that a proxy acts on are in ``noted`` and not in ``fields``, unless they also pass unchanged.
:mod:`aiofrp.wire.http.response` parses response heads.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.http.fields import (
    NO_OPTIONS,
    connection_options,
    keeps_alive,
    passing_text,
    sort_fields,
)
from aiofrp.wire.http.fields import Field as Field
from aiofrp.wire.http.recent import Recent

#: Bytes of the largest request head. The reference allows 1 MiB, which thousands of slow users could each fill.
MAX_HEAD = 64 * 1024
#: ``body_size`` of a chunked body, and of a response whose body ends with the connection.
CHUNKED, UNTIL_EOF = -1, -2

#: Fields of requests that go to ``noted``; True: they stay in ``fields`` too (docs/protocol/server.md §6.3).
_REQUEST_FIELDS = {
    b"host": False,
    b"connection": False,
    b"proxy-connection": False,
    b"keep-alive": False,
    b"proxy-authenticate": False,
    b"proxy-authorization": False,
    b"authorization": True,
    b"content-length": False,
    b"transfer-encoding": False,
    b"te": False,
    b"trailer": False,
    b"upgrade": False,
    b"forwarded": False,
    b"x-forwarded-for": False,
    b"x-forwarded-host": False,
    b"x-forwarded-proto": False,
    b"x-real-ip": False,
    b"http2-settings": False,
}
#: Characters in a field's name that make some services treat it as another name, see :func:`plain_name`.
_DISGUISED = re.compile(rb"[^0-9A-Za-z-]")

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(%b) ([\x21-\x7e\x80-\xff]+) HTTP/([0-9])\.([0-9])\r\n" % TOKEN)
_HOST = re.compile(rb"[0-9A-Za-z!$%&'()*+,\-.:;=\[\]_~]*")
_ABSOLUTE = re.compile(
    rb"([A-Za-z][A-Za-z0-9+.\-]*)://(?:[A-Za-z0-9\-._~!$&'()*+,;=:%]*@)?([^/?#@]*)((?:[/?][^#]*)?)"
)
_PATH = re.compile(rb"(?:[^%]|%[0-9A-Fa-f]{2})*")
_ILLEGAL_IN_PATH = re.compile(rb"[\x80-\xff\"#<>\\^`{|}]")
_UNUSUAL = re.compile(rb"[%\x80-\xff\"#<>\\^`{|}]")
#: Upgrade protocols that carry further requests: h2c (RFC 7540 §3.2), TLS and HTTP itself (RFC 2817 §3).
_CARRIES_HTTP = re.compile(rb"h2c?|(?:http|tls)(?:/.*)?", re.IGNORECASE)
#: A Content-Length below 10^18. No body is longer, and converting longer numbers is expensive.
LENGTH = re.compile(rb"0*+[1-9][0-9]{0,17}|0++")


class HeadError(RemoteProtocolError):
    """A head that is refused. ``status``: the status of the answer to a user. The text explains it, or is empty."""

    def __init__(self, text: str = "", status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class RequestHead:
    """The head of a request."""

    __slots__ = (
        "absolute",
        "body_size",
        "connection",
        "fields",
        "host",
        "keep_alive",
        "method",
        "minor",
        "noted",
        "path",
        "scheme",
        "target",
        "text",
        "upgrade",
    )

    method: bytes
    target: bytes
    """The target for the service: as the user sent it, with bytes that are illegal in a path percent-encoded. The
    scheme and authority of an absolute form are left out."""
    minor: int
    """The minor version: 1 for HTTP/1.1."""
    host: bytes
    """The authority of the target, else the Host field; with the port if there is one."""
    path: bytes
    """The percent-decoded path, by which routes are matched; empty for CONNECT."""
    absolute: bool
    """Whether the target contains the authority: in absolute form, which users of a proxy send, and for CONNECT."""
    scheme: bytes
    """The scheme of a target in absolute form, in lower case; else empty."""
    fields: list[Field]
    """The fields in their order, without those that are only noted. Shared with other heads, as are ``noted`` and
    ``connection``: none of them is changed."""
    text: bytes
    """The lines of ``fields``, without those that ``connection`` names."""
    noted: dict[bytes, list[bytes]]
    """The values of the fields that a proxy acts on, by name in lower case."""
    connection: frozenset[bytes]
    """Options of the Connection field, in lower case."""
    upgrade: bytes
    """The value of the Upgrade field when Connection contains ``upgrade``, without protocols that carry HTTP."""
    body_size: int
    """Bytes of the body, or :data:`CHUNKED`."""
    keep_alive: bool
    """Whether the user lets the connection persist after the response."""

    def note(self, name: bytes) -> bytes:
        """The first value of the noted field ``name``, which is in lower case, or ``b""``."""
        values = self.noted.get(name)
        return values[0] if values else b""


class ResponseHead:
    """The head of a response. ``fields``, ``text``, ``noted``, ``minor`` and ``connection`` as in
    :class:`RequestHead`."""

    __slots__ = (
        "body_size",
        "connection",
        "fields",
        "keep_alive",
        "minor",
        "noted",
        "reason",
        "status",
        "text",
    )

    status: int
    reason: bytes
    minor: int
    fields: list[Field]
    text: bytes
    noted: dict[bytes, list[bytes]]
    connection: frozenset[bytes]
    body_size: int
    """Bytes of the body, :data:`CHUNKED` or :data:`UNTIL_EOF`, by the fields alone: that some statuses and HEAD have
    no body is not considered."""
    keep_alive: bool
    """Whether the service lets the connection persist after the response."""


def made_response(status: int, reason: bytes, fields: list[Field], size: int = UNTIL_EOF) -> ResponseHead:
    """The head of a response that the program itself makes.

    ``fields``: without fields about connection and length. ``size``: bytes of the body, or :data:`UNTIL_EOF`.
    """
    head = ResponseHead()
    head.status, head.reason, head.minor = status, reason, 1
    head.fields, head.connection, head.keep_alive = fields, NO_OPTIONS, True
    head.text = passing_text(fields, NO_OPTIONS)
    head.noted = {} if size == UNTIL_EOF else {b"content-length": [b"%d" % size]}
    head.body_size = size
    return head


def parse_request(head: bytes) -> RequestHead:
    """Parse a complete request head, its empty line included. Raises :class:`HeadError`."""
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise HeadError
    method, target, major, minor = line.groups()
    if major != b"1" or minor not in (b"0", b"1"):
        raise HeadError("unsupported protocol version", 505)
    request = RequestHead()
    request.method, request.minor = method, minor[0] - 0x30
    lines = head[line.end() :]
    if minor == b"1" and method != b"CONNECT":
        _take_fields(request, _recent.get(lines) or _recent_fields(lines))
    else:
        _judge_fields(request, lines)
    _judge_target(request, target)
    return request


def plain_name(name: bytes) -> bytes:
    """``name`` in lower case, with a hyphen for each character that is no letter or digit.

    CGI and similar interfaces cannot distinguish two names for which the result is the same.
    """
    return _DISGUISED.sub(b"-", name).lower()


def head_end(data: bytes | bytearray, start: int = 0) -> int:
    """The position after the empty line that ends the head in ``data``, or -1.

    ``start``: how many bytes at the beginning were searched before without success.
    """
    end = data.find(b"\r\n\r\n", max(0, start - 3))
    return end + 4 if end >= 0 else -1


def loose_head_end(data: bytes | bytearray, start: int = 0) -> int:
    """As :func:`head_end`; lines may end in a bare LF, as some services send them."""
    start = max(0, start - 2)
    end = data.find(b"\n\r\n", start)
    bare = data.find(b"\n\n", start, end + 1 if end >= 0 else None)
    if bare >= 0:
        return bare + 2
    return end + 3 if end >= 0 else -1


# Private: fields

#: Heads with nothing but what field lines say of a request of HTTP/1.1 that is no CONNECT, by these lines.
_recent: Recent[RequestHead] = Recent()


def _recent_fields(lines: bytes) -> RequestHead:
    """Judge lines that are not known, and know them from now on. Raises :class:`HeadError`."""
    said = RequestHead()
    said.method, said.minor = b"", 1
    _judge_fields(said, lines)
    _recent.add(lines, said)
    return said


def _take_fields(request: RequestHead, said: RequestHead) -> None:
    request.fields, request.text, request.noted = said.fields, said.text, said.noted
    request.connection, request.keep_alive = said.connection, said.keep_alive
    request.upgrade, request.body_size, request.host = said.upgrade, said.body_size, said.host


def _judge_fields(request: RequestHead, lines: bytes) -> None:
    """Set all that the field ``lines`` say of ``request``, whose method and version are set."""
    request.fields, request.noted = sort_fields(_request_fields(lines), _REQUEST_FIELDS)
    request.connection = connection_options(request.noted)
    request.text = passing_text(request.fields, request.connection)
    request.keep_alive = keeps_alive(request.minor, request.connection)
    request.upgrade = _upgrade(request)
    request.body_size = _request_body_size(request)
    _judge_host(request)


class _Found:
    """The callbacks of llhttp; they collect the fields."""

    __slots__ = ("complete", "on_header", "pairs")

    def __init__(self) -> None:
        self.pairs: list[Field] = []
        self.complete = False
        add = self.pairs.append
        self.on_header = lambda name, value: add((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True


def _request_fields(lines: bytes) -> list[Field]:
    """The fields, without those whose names some services treat as that of a noted field."""
    found = _Found()
    pairs = _run(httptools.HttpRequestParser(found), found, b"POST / HTTP/1.1\r\n" + lines)
    return [
        pair for pair in pairs if not (_DISGUISED.search(pair[0]) and plain_name(pair[0]) in _REQUEST_FIELDS)
    ]


def _run(parser: Any, found: _Found, text: bytes) -> list[Field]:
    try:
        parser.feed_data(text)
    except httptools.HttpParserUpgrade:  # about bytes after the head, which are not parsed here
        pass
    except httptools.HttpParserError as exc:
        raise HeadError from exc
    if not found.complete:
        raise HeadError
    return found.pairs


def _upgrade(request: RequestHead) -> bytes:
    """The value of ``upgrade``. Protocols that carry HTTP are left out: after such an upgrade requests would pass
    without routing and without a check of the password."""
    if b"upgrade" not in request.connection or request.minor == 0:
        return b""
    asked = (name.strip(b" \t") for value in request.noted.get(b"upgrade", ()) for name in value.split(b","))
    return b", ".join(name for name in asked if name and not _CARRIES_HTTP.fullmatch(name))


# Private: bodies


def _request_body_size(request: RequestHead) -> int:
    codings = request.noted.get(b"transfer-encoding")
    if request.method == b"CONNECT":
        return 0
    if codings is None:
        return _content_length(request.noted)
    if request.minor == 0:
        raise HeadError
    if len(codings) != 1 or codings[0].lower() != b"chunked":
        raise HeadError("Unsupported transfer encoding", 501)
    return CHUNKED


def _content_length(noted: dict[bytes, list[bytes]]) -> int:
    """The Content-Length of a request, 0 without one; llhttp has refused two."""
    values = noted.get(b"content-length")
    if values is None:
        return 0
    if len(values) != 1 or not LENGTH.fullmatch(values[0]):
        raise HeadError
    return whole_number(values[0])


def whole_number(digits: bytes) -> int:
    """The number of a text that :data:`LENGTH` matches. ``int()`` would refuse thousands of leading zeros."""
    return int(digits.lstrip(b"0") or b"0")


# Private: the authority and the target of a request


def _judge_host(request: RequestHead) -> None:
    hosts = request.noted.get(b"host")
    if hosts is None:
        if request.minor == 1 and request.method != b"CONNECT":
            raise HeadError("missing required Host header")
        request.host = b""
        return
    if len(hosts) != 1:
        raise HeadError("too many Host headers")
    if not _HOST.fullmatch(hosts[0]):
        raise HeadError("malformed Host header")
    request.host = hosts[0]


def _judge_target(request: RequestHead, target: bytes) -> None:
    request.absolute, request.scheme = False, b""
    if request.method == b"CONNECT":
        if not _HOST.fullmatch(target):
            raise HeadError
        request.host, request.target, request.path, request.absolute = target, target, b"", True
    elif target.startswith(b"/"):
        _judge_path(request, target)
    elif target == b"*" and request.method == b"OPTIONS":
        request.target = request.path = target
    else:
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None or not absolute[2] or not _HOST.fullmatch(absolute[2]):
            raise HeadError
        scheme, request.host, rest = absolute.groups()
        request.scheme, request.absolute = scheme.lower(), True
        _judge_path(request, rest if rest.startswith(b"/") else b"/" + rest)


def _judge_path(request: RequestHead, target: bytes) -> None:
    path, mark, query = target.partition(b"?")
    if _UNUSUAL.search(path):
        if not _PATH.fullmatch(path):
            raise HeadError
        request.path = unquote_to_bytes(path)
        path = _ILLEGAL_IN_PATH.sub(lambda found: b"%%%02X" % found[0][0], path)
        request.target = path + mark + query
    else:
        request.path, request.target = path, target

"""Conversion of HTTP/2 heads and trailers to their HTTP/1.1 form and back (RFC 9113 §8.3)."""

from __future__ import annotations

import re

from aiofrp.http.v2.stream import Headers
from aiofrp.wire.http.body import may_be_trailer
from aiofrp.wire.http.head import HeadError, RequestHead, ResponseHead, parse_request

_NOT_IN_HEADS = re.compile(rb"[\r\n\0]")


def request_of(headers: Headers, ended: bool) -> RequestHead:
    """The head of a request, checked by the same rules as one of HTTP/1.1.

    ``headers``: the fields of a HEADERS frame, checked by :func:`~aiofrp.wire.http.h2.fields.checked_request`.
    ``ended``: the request has no body. Raises :class:`~aiofrp.wire.http.head.HeadError`.
    """
    pseudo = {name: value for name, value in headers if name.startswith(b":")}
    method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if method == b"CONNECT":
        raise HeadError(status=501)
    if path != b"*" and not path.startswith(b"/"):
        raise HeadError
    lines = [b"%b %b HTTP/1.1" % (method, path)]
    authority = pseudo.get(b":authority")
    if authority is not None:
        lines.append(b"host: " + authority)
    left_out = (b"cookie", b"host") if authority is not None else (b"cookie",)
    lines += [
        b"%b: %b" % pair for pair in headers if not pair[0].startswith(b":") and pair[0] not in left_out
    ]
    cookies = [value for name, value in headers if name == b"cookie"]
    if cookies:  # HTTP/2 may split the field (RFC 9113 §8.2.3)
        lines.append(b"cookie: " + b"; ".join(cookies))
    if not ended and not any(name == b"content-length" for name, _ in headers):
        lines.append(b"transfer-encoding: chunked")
    if any(_NOT_IN_HEADS.search(line) for line in lines):
        raise HeadError
    request = parse_request(b"\r\n".join([*lines, b"", b""]))
    if ended and request.body_size:
        raise HeadError("the body is shorter than content-length")
    return request


def response_headers(head: ResponseHead, fields: Headers) -> Headers:
    """The fields of a HEADERS frame: the status of ``head``, then ``fields`` with names in lower case.

    ``fields`` must have no field about the connection.
    """
    return [(b":status", b"%d" % head.status), *((name.lower(), value) for name, value in fields)]


def last_chunk(trailers: Headers) -> bytes:
    """The last chunk of a chunked body, with those of ``trailers`` whose names are allowed there."""
    lines = [b"%b: %b\r\n" % pair for pair in trailers if may_be_trailer(pair[0])]
    return b"0\r\n" + b"".join(lines) + b"\r\n"

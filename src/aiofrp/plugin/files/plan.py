"""What a request for an open file is answered: the head, and which bytes follow it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from aiofrp.http.answers import NO_SNIFFING, PLAIN, Answer, sized
from aiofrp.plugin.files.opened import OpenedFile
from aiofrp.wire.http.codings import accepts_gzip
from aiofrp.wire.http.conditions import FIELDS, Verdict, judge_conditions, wanted_range
from aiofrp.wire.http.head import UNTIL_EOF, Field, RequestHead
from aiofrp.wire.http.ranges import ByteRange, Multipart, NoOverlap, RangeError, parse_ranges

_READ = FIELDS | {b"accept-encoding"}
_BYTES = (b"Accept-Ranges", b"bytes")
_VARY = (b"Vary", b"Accept-Encoding")
_GZIP = (b"Content-Encoding", b"gzip")


class FilePart(NamedTuple):
    """Bytes to send: ``head`` as it is, then ``length`` bytes of the file from ``start``."""

    head: bytes
    start: int
    length: int


class FilePlan(NamedTuple):
    """A response with a body."""

    status: int
    reason: bytes
    fields: list[Field]  #: without Content-Length and Date
    size: int  #: of the body, or UNTIL_EOF where it is known at the end
    parts: list[FilePart]  #: of a file; what is compressed and a listing have none
    tail: bytes = b""  #: what follows the parts
    gzip: bool = False


def read_fields(request: RequestHead) -> dict[bytes, bytes]:
    """The fields that decide about the response, by their names in lower case; the first of several counts."""
    found: dict[bytes, bytes] = {}
    for name, value in request.fields:
        key = name.lower()
        if key in _READ:
            found.setdefault(key, value.rstrip(b" \t"))
    return found


def plan_file(fields: Mapping[bytes, bytes], file: OpenedFile) -> FilePlan | Answer:
    """The response to GET or HEAD of a file. ``fields``: those of :func:`read_fields`."""
    if not fields:
        return _all_of(file)
    verdict = judge_conditions(fields, file.modified)
    if verdict is not Verdict.SEND:
        return _conditional(verdict, file)
    if b"range" in fields:
        asked = wanted_range(fields, file.modified)
        try:
            ranges = parse_ranges(asked, file.size) if asked else []
        except RangeError as exc:
            return _unsatisfiable(exc, file.size)
        if ranges:
            return _partial(ranges, file)
    elif file.shrinks and accepts_gzip(fields.get(b"accept-encoding", b"")):
        head = [_GZIP, (b"Content-Type", file.content_type), *_dated(file), _VARY]
        return FilePlan(200, b"OK", head, UNTIL_EOF, [], gzip=True)
    return _all_of(file)


def plan_listing(fields: Mapping[bytes, bytes], folder: OpenedFile) -> FilePlan | Answer:
    """The response to GET or HEAD of a folder."""
    since = {name: fields[name] for name in (b"if-modified-since",) if name in fields}
    verdict = judge_conditions(since, folder.modified)
    if verdict is not Verdict.SEND:
        return _conditional(verdict, folder)
    head = [(b"Content-Type", folder.content_type), *_dated(folder), _VARY]
    gzip = accepts_gzip(fields.get(b"accept-encoding", b""))
    return FilePlan(200, b"OK", [_GZIP, *head] if gzip else head, UNTIL_EOF, [], gzip=gzip)


def problem(status: int, reason: bytes, text: bytes = b"") -> Answer:
    """An error in plain text, in frp's words."""
    body = text or b"%d %b\n" % (status, reason)
    return Answer(status, reason, [PLAIN, NO_SNIFFING, *sized(body)], body)


def not_found() -> Answer:
    """The answer where nothing is."""
    return problem(404, b"Not Found", b"404 page not found\n")


def moved(location: bytes) -> Answer:
    """The answer to a path that has a better spelling."""
    return Answer(301, b"Moved Permanently", [(b"Location", location), *sized(b"")], b"")


def with_query(location: bytes, request: RequestHead) -> bytes:
    """A better spelling of the request's path, followed by its query."""
    query = request.target.partition(b"?")[2]
    return location + b"?" + query if query else location


def _all_of(file: OpenedFile) -> FilePlan:
    if file.fields is None:
        file.fields = [_BYTES, (b"Content-Type", file.content_type), *_dated(file), *_varying(file)]
    return FilePlan(200, b"OK", file.fields, file.size, [FilePart(b"", 0, file.size)])


def _conditional(verdict: Verdict, file: OpenedFile) -> Answer:
    if verdict is Verdict.FAILED:
        return Answer(412, b"Precondition Failed", [*_dated(file), *sized(b"")], b"")
    date, _length = sized(b"")
    return Answer(304, b"Not Modified", [*_dated(file), *_varying(file), date], b"")


def _unsatisfiable(error: RangeError, size: int) -> Answer:
    answer = problem(416, b"Requested Range Not Satisfiable", str(error).encode() + b"\n")
    if isinstance(error, NoOverlap):
        answer.fields.insert(0, (b"Content-Range", b"bytes */%d" % size))
    return answer


def _partial(ranges: list[ByteRange], file: OpenedFile) -> FilePlan:
    rest = [*_dated(file), *_varying(file)]
    if len(ranges) == 1:
        only = ranges[0]
        head = [
            _BYTES,
            (b"Content-Range", only.field(file.size)),
            (b"Content-Type", file.content_type),
            *rest,
        ]
        return FilePlan(206, b"Partial Content", head, only.length, [FilePart(b"", *only)])
    boundary = os.urandom(30).hex().encode()
    message = Multipart(ranges, file.size, file.content_type, boundary)
    parts = [FilePart(text, *part) for text, part in zip(message.heads, ranges, strict=True)]
    head = [_BYTES, (b"Content-Type", message.type), *rest]
    return FilePlan(206, b"Partial Content", head, message.length, parts, message.tail)


def _dated(file: OpenedFile) -> list[Field]:
    return [(b"Last-Modified", file.last_modified)] if file.last_modified else []


def _varying(file: OpenedFile) -> list[Field]:
    """What caches must know of a content that some users get compressed."""
    return [_VARY] if file.shrinks or file.is_folder else []

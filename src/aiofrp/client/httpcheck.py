"""The http health check: a GET request whose final status counts (docs/protocol/client.md §2.2).

The status line decides. Of the fields only Location, Content-Length and Transfer-Encoding are read, so a service
that writes other fields as no standard allows counts as good all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from msgspec import Struct

from aiofrp.config.models.proxy import HealthCheck
from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.stream.base import Stream
from aiofrp.stream.reader import Reader
from aiofrp.stream.tls.client import secured
from aiofrp.transport.net import dial
from aiofrp.transport.tls.default import default_context
from aiofrp.version import __version__
from aiofrp.wire.addresses import join_host_port

#: Redirects followed in one check, and answers 1xx before the final one, as Go's client does.
REDIRECTS: Final = 10
INTERIM: Final = 5
#: Bytes of the head of an answer.
MAX_HEAD: Final = 64 * 1024
#: Bytes of the body that are taken, and seconds for them, so that the service can end its answer undisturbed.
MAX_BODY: Final = 64 * 1024
BODY_SECONDS: Final = 1.0

_STATUS = re.compile(rb"HTTP/[0-9]\.[0-9][ \t]+([1-9][0-9]{2})(?=[ \t\r\n])")
_LOCATION = re.compile(rb"\nlocation[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:[ \t]*([0-9]{1,18})[ \t]*\r?\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\ntransfer-encoding[ \t]*:[^\r\n]*chunked", re.IGNORECASE)
_HEAD_END = re.compile(rb"\n\r?\n")
_LAST_CHUNK = b"0\r\n\r\n"
_REDIRECT = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_OWN = ("host", "connection")  #: fields that stand in every request
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
#: Fields that another host must not get (as in Go's client).
_CREDENTIALS = {"authorization", "cookie", "cookie2", "www-authenticate"}


class CheckFailed(FrpError):
    """The service did not answer as a good one does."""


async def check_http(url: str, check: HealthCheck, timeout: float) -> None:
    """Ask for ``url`` and follow redirects, within ``timeout`` seconds; the final status must be 2xx.

    Raises :class:`CheckFailed`.
    """
    try:
        async with asyncio.timeout(timeout) as limit:
            status = await _final_status(url, _fields(check), timeout, limit)
    except TimeoutError:
        raise CheckFailed(f'Get "{url}": no answer within {timeout:g} s') from None
    except (FrpError, OSError, ValueError) as exc:
        raise CheckFailed(f'Get "{url}": {exc}') from exc
    if not 200 <= status < 300:
        raise CheckFailed(f"do http health check, StatusCode is [{status}] not 2xx")


def _fields(check: HealthCheck) -> dict[str, str]:
    """The fields of the request by lower-case name; later ones replace. Raises :class:`ValueError`."""
    fields = {"user-agent": f"aiofrp/{__version__}", "accept": "*/*"}
    for header in check.http_headers:
        if not _TOKEN.fullmatch(header.name):
            raise ValueError(f"healthCheck.httpHeaders: {header.name!r} is not the name of a field")
        if not _VALUE.fullmatch(header.value):
            raise ValueError(f"healthCheck.httpHeaders: the value of {header.name} has control characters")
        fields[header.name.lower()] = header.value
    return fields


async def _final_status(url: str, fields: dict[str, str], timeout: float, limit: asyncio.Timeout) -> int:
    for _ in range(REDIRECTS + 1):
        parts = urlsplit(url)
        request = _request(parts, fields)
        stream = await _connect(parts, timeout)
        try:
            stream.write(request)
            answer = await _answer(Reader(stream, limit=MAX_HEAD))
            if answer.location is None:
                limit.reschedule(None)  # the status is there, and the body has a limit of its own
                await _take_body(answer)
                return answer.status
        finally:
            stream.close()
        url, fields = _redirected(url, answer.location, fields)
    raise Closed(f"stopped after {REDIRECTS} redirects")


def _redirected(url: str, location: str, fields: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Where a redirect leads, and the fields to send there."""
    target = urljoin(url, location)
    kept = dict(fields)
    if urlsplit(location).netloc:
        kept.pop("host", None)
    if urlsplit(target).hostname != urlsplit(url).hostname:
        kept = {name: value for name, value in kept.items() if name not in _CREDENTIALS}
    return target, kept


def _request(url: SplitResult, fields: dict[str, str]) -> bytes:
    if wrong := _BAD_ESCAPE.search(url.path):
        raise ValueError(f"invalid URL escape {wrong[0]!r}")
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    # What is no visible ASCII character is escaped; what the user wrote escaped stays.
    target = quote(target, safe="!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", errors="surrogateescape")
    lines = [f"GET {target} HTTP/1.1", f"Host: {fields.get('host') or _authority(url)}", "Connection: close"]
    lines += [f"{_canonical(name)}: {value}" for name, value in fields.items() if name not in _OWN]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _canonical(name: str) -> str:
    """``x-who`` as ``X-Who``: Go writes all names so, and small servers may know no other spelling."""
    return "-".join(part[:1].upper() + part[1:] for part in name.split("-"))


def _authority(url: SplitResult) -> str:
    """Host and port as the Host field has them: without the port that the scheme implies."""
    host, port = url.hostname or "", url.port
    if port is not None and port != _PORTS.get(url.scheme):
        return join_host_port(host, port)
    return f"[{host}]" if ":" in host else host


async def _connect(url: SplitResult, timeout: float) -> Stream:
    """A connection to the host of ``url``; TLS is verified by the authorities of the system."""
    if url.scheme not in _PORTS or not url.hostname:
        raise ValueError(f"unsupported protocol scheme {url.scheme!r}")
    stream = await dial(url.hostname, url.port or _PORTS[url.scheme], timeout=timeout)
    if url.scheme == "http":
        return stream
    return await secured(stream, default_context(), url.hostname, timeout)


# The answer


class _Answer(Struct, frozen=True):
    """What counts of a final answer. ``location``: where a redirect leads, ``None`` for other answers; ``body``: the
    bytes that came with the head."""

    status: int
    location: str | None
    head: bytes
    body: bytes
    reader: Reader


async def _answer(reader: Reader) -> _Answer:
    """The final answer, after any 1xx."""
    rest = b""
    for _ in range(INTERIM + 1):
        head, rest = await _head(reader, rest)
        line = _STATUS.match(head)
        if line is None:
            raise RemoteProtocolError(f"malformed HTTP response {head[:40]!r}")
        status = int(line[1])
        if status >= 200 or status == 101:
            location = _LOCATION.search(head) if status in _REDIRECT else None
            leads_to = location[1].decode("utf-8", "surrogateescape") if location is not None else None
            return _Answer(status, leads_to, head, rest, reader)
    raise RemoteProtocolError(f"more than {INTERIM} answers 1xx")


async def _head(reader: Reader, data: bytes) -> tuple[bytes, bytes]:
    """A head up to its empty line, and what came after it; ``data`` was read before.

    A head that the end of the connection cuts counts when its status line is whole.
    """
    while (end := _HEAD_END.search(data)) is None:
        if len(data) > MAX_HEAD:
            raise RemoteProtocolError(f"the head of the answer has more than {MAX_HEAD} bytes")
        more = await reader.read()
        if not more:
            if b"\n" not in data:
                raise Closed("EOF")
            return data, b""
        data += more
    return data[: end.end()], data[end.end() :]


async def _take_body(answer: _Answer) -> None:
    """Read the body to its end, for :data:`BODY_SECONDS` and :data:`MAX_BODY` bytes at most; an error in it does not
    count."""
    if answer.status in (101, 204, 304):
        return
    length, chunked = _LENGTH.search(answer.head), _CHUNKED.search(answer.head)
    size = min(int(length[1]), MAX_BODY) if length is not None and chunked is None else MAX_BODY
    body = answer.body
    with contextlib.suppress(FrpError, TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            while len(body) < size and not (chunked and body.endswith(_LAST_CHUNK)):
                more = await answer.reader.read()
                if not more:
                    return
                body += more

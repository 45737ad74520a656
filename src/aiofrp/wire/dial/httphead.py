"""Heads of HTTP/1.1 messages on connections that leave HTTP afterwards: websocket upgrades and CONNECT.

Bodies are not parsed here. These heads differ from those of :mod:`aiofrp.wire.http`: An upgrade without Host gets the
reference's own answer. Several fields of one name become one value, joined by commas. The limit is 8 KiB instead of
64 KiB, because the client has not logged in. A proxy's response must be correct HTTP, while :mod:`aiofrp.wire.http`
parses those of services leniently.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import httptools

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.transforms.base import Buffer

MAX_DIAL_HEAD: Final = 8192
"""Most bytes of a head, its empty line included."""

_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """The head of a client's request."""

    method: str
    target: str
    fields: dict[str, str]  #: by lower-case name; several values of one name are joined by commas


@dataclass(frozen=True, slots=True)
class DialResponse:
    """The head of a server's or a proxy's response."""

    status: int
    reason: str
    fields: dict[str, str]  #: as in a request


class HeadReader:
    """Collects bytes until a head is complete; between two calls it holds fewer than :data:`MAX_DIAL_HEAD` bytes."""

    __slots__ = ("_received",)

    def __init__(self) -> None:
        self._received = b""

    def receive_data(self, data: Buffer) -> tuple[bytes, bytes] | None:
        """The head with its empty line, and the bytes after it; ``None`` while the head is incomplete.

        Raises :class:`RemoteProtocolError` for a head longer than :data:`MAX_DIAL_HEAD`.
        """
        searched = max(0, len(self._received) - len(_END) + 1)
        self._received += data
        at = self._received.find(_END, searched, MAX_DIAL_HEAD)
        if at >= 0:
            end = at + len(_END)
            return self._received[:end], self._received[end:]
        if len(self._received) >= MAX_DIAL_HEAD:
            raise RemoteProtocolError(f"no end of the HTTP head within {MAX_DIAL_HEAD} bytes")
        return None


def parse_upgrade(head: bytes) -> UpgradeRequest:
    """Parse a complete request head. Raises :class:`RemoteProtocolError`."""
    sink = _Sink()
    parser = httptools.HttpRequestParser(sink)
    _feed(parser, head, sink)
    return UpgradeRequest(_text(parser.get_method()), _text(sink.url), _fields(sink.headers))


def parse_dial_response(head: bytes) -> DialResponse:
    """Parse a complete response head. Raises :class:`RemoteProtocolError`."""
    sink = _Sink()
    parser = httptools.HttpResponseParser(sink)
    _feed(parser, head, sink)
    return DialResponse(parser.get_status_code(), _text(sink.reason), _fields(sink.headers))


class _Sink:
    """The callbacks of llhttp; they collect the parts of a head."""

    def __init__(self) -> None:
        self.url = self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True


def _feed(
    parser: httptools.HttpRequestParser | httptools.HttpResponseParser, head: bytes, sink: _Sink
) -> None:
    try:
        parser.feed_data(head)
    except (httptools.HttpParserUpgrade, httptools.HttpParserError) as exc:
        if not sink.complete:  # else the error is about bytes after the head, which need not be HTTP
            raise RemoteProtocolError(f"malformed HTTP head: {exc}") from None
    if not sink.complete:
        raise RemoteProtocolError("malformed HTTP head: no start line")


def _fields(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = _text(raw_name).lower(), _text(raw_value)
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")

"""The heads of one response in the order in which a service sends them, interim ones (1xx) first; and which of them
open a tunnel."""

from __future__ import annotations

from aiofrp.errors import RemoteProtocolError
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.head import RequestHead, ResponseHead, loose_head_end
from aiofrp.wire.http.response import parse_response

#: Bytes of all heads of one response together, interim responses included.
MAX_RESPONSE_HEAD = 256 * 1024
#: Bytes that each interim response (1xx) counts at least, so that one response has at most 1,024 of them.
INTERIM_COST = 256
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class ResponseHeads:
    """Splits and parses the heads of one response.

    After each :meth:`receive_data`, call :meth:`next_head` until it returns ``None`` or the final head (any but 1xx,
    or 101 that opens a tunnel). Then :meth:`rest` returns the bytes that follow.
    """

    __slots__ = ("_left", "_received", "_searched")

    def __init__(self) -> None:
        self._received: bytes | bytearray = b""  # limited by MAX_RESPONSE_HEAD and one piece
        self._searched = 0  # bytes of it in which no head ends
        self._left = MAX_RESPONSE_HEAD

    @property
    def untouched(self) -> bool:
        """Whether no byte of a response was received."""
        return not self._received and self._left == MAX_RESPONSE_HEAD

    def receive_data(self, data: Buffer) -> None:
        """Add bytes that the service sent."""
        if self._received:
            self._received += data
        else:
            self._received = bytes(data)

    def next_head(self) -> ResponseHead | None:
        """The next head, or ``None`` while it is incomplete.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` for a malformed head, and when all heads together exceed
        :data:`MAX_RESPONSE_HEAD`.
        """
        received = self._received
        size = loose_head_end(received, self._searched)
        if size < 0:
            if len(received) > self._left:
                raise RemoteProtocolError("server response headers exceeded")
            if not isinstance(received, bytearray):
                self._received = bytearray(received)  # more is added at its end
            self._searched = len(received)
            return None
        text, self._received, self._searched = bytes(received[:size]), received[size:], 0
        if size > self._left:
            raise RemoteProtocolError("server response headers exceeded")
        head = parse_response(text)
        self._left -= max(size, INTERIM_COST)
        return head

    def rest(self) -> bytes:
        """The bytes received after the heads taken so far; they are returned only once."""
        rest, self._received = bytes(self._received), b""
        return rest


def opens_tunnel(request: RequestHead, head: ResponseHead) -> bool:
    """Whether the connection is no longer HTTP after the response ``head`` to ``request``.

    All of ``request`` was sent before. A 2xx answer to CONNECT that announces a body opens no tunnel (RFC 9110 §9.3.6
    forbids such a body): the service treats CONNECT like any other method.
    """
    if request.method == b"CONNECT":
        return 200 <= head.status < 300 and head.noted.keys().isdisjoint(_FRAMING)
    if head.status != 101:
        return False
    agreed = _protocols(head.noted.get(b"upgrade", []))
    return bool(agreed) and agreed <= _protocols([request.upgrade])


def _protocols(values: list[bytes]) -> set[bytes]:
    """The names in values of the Upgrade field, in lower case."""
    names = (name.strip(b" \t").lower() for value in values for name in value.split(b","))
    return {name for name in names if name}

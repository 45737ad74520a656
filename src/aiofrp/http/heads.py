"""The heads of one response as they come from a service, interim ones (1xx) first; and which of them open a tunnel."""

from __future__ import annotations

from aiofrp.errors import RemoteProtocolError
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.head import RequestHead, ResponseHead, loose_head_end
from aiofrp.wire.http.response import parse_response

#: Bytes of the heads of one response, those of its interim responses included.
MAX_RESPONSE_HEAD = 256 * 1024
#: Bytes an interim response (1xx) counts as at least; so there are at most 1,024 of them.
INTERIM_COST = 256
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class ResponseHeads:
    """Cuts and parses the heads of one response.

    Feed :meth:`receive_data`, then take heads until there is none or the final one; :meth:`rest` is what follows that.
    """

    __slots__ = ("_left", "_received", "_searched")

    def __init__(self) -> None:
        self._received: bytes | bytearray = b""  # limited by MAX_RESPONSE_HEAD and one piece
        self._searched = 0  # bytes of it in which no head ends
        self._left = MAX_RESPONSE_HEAD

    @property
    def untouched(self) -> bool:
        """Whether nothing of a response has come."""
        return not self._received and self._left == MAX_RESPONSE_HEAD

    def receive_data(self, data: Buffer) -> None:
        """More of what the service sends."""
        if self._received:
            self._received += data
        else:
            self._received = bytes(data)

    def next_head(self) -> ResponseHead | None:
        """The next head, or ``None`` while it is not whole. Raises RemoteProtocolError for one that is malformed or too
        large."""
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
        """What came after the heads taken so far, once."""
        rest, self._received = bytes(self._received), b""
        return rest


def opens_tunnel(request: RequestHead, head: ResponseHead) -> bool:
    """Whether the connection is no longer HTTP after the response ``head`` to ``request``, all of which was sent.

    A 2xx answer to CONNECT that has a body is that of a service which takes CONNECT for any other method: one that
    opens a tunnel must not announce a body (RFC 9110 §9.3.6).
    """
    if request.method == b"CONNECT":
        return 200 <= head.status < 300 and head.noted.keys().isdisjoint(_FRAMING)
    asked = _protocols([request.upgrade])
    agreed = _protocols(head.noted.get(b"upgrade", []))
    return head.status == 101 and bool(agreed) and agreed <= asked


def _protocols(values: list[bytes]) -> set[bytes]:
    """The names in values of the Upgrade field, in lower case."""
    names = (name.strip(b" \t").lower() for value in values for name in value.split(b","))
    return {name for name in names if name}

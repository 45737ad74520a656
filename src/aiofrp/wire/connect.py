"""CONNECT through an HTTP proxy, plain or with NTLM (RFC 9110 §9.3.6; spec: client §1.5).

The bytes are the reference's. The host name goes to the proxy as it is.
"""

from __future__ import annotations

import base64
from typing import Final

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire import ntlm
from aiofrp.wire.httphead import HeadReader, ResponseHead, parse_response

_SCHEME: Final = "Negotiate "
_MOST_BODY: Final = 1024 * 1024
"""Bytes of the page that may come with a challenge."""
_MOST_DIGITS: Final = 20
"""Digits of a length that are read at all."""


class HttpConnect:
    """One CONNECT request: send :meth:`data_to_send`, feed what comes back."""

    __slots__ = ("_outgoing", "_reader")

    def __init__(self, target: str, login: tuple[str, str] | None = None) -> None:
        """``target``: ``host:port``. ``login``: user name and password."""
        fields = {"User-Agent": "Mozilla/5.0"}
        if login is not None:
            credentials = base64.b64encode(":".join(login).encode()).decode()
            fields["Proxy-Authorization"] = f"Basic {credentials}"
        self._outgoing = _request(target, fields)
        self._reader = HeadReader()

    def data_to_send(self) -> bytes:
        """What to send now."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The bytes after the answer, once the proxy has connected; ``None`` while more is needed.

        Raises :class:`RemoteProtocolError` when it has not.
        """
        parts = self._reader.receive_data(data)
        if parts is None:
            return None
        head, rest = parts
        status = parse_response(head).status
        if status != 200:
            raise RemoteProtocolError(f"DialTcpByHttpProxy error, StatusCode [{status}]")
        return rest


class NtlmConnect:
    """The same with NTLM: a challenge is answered in a second request on the same connection."""

    __slots__ = ("_challenge", "_login", "_outgoing", "_reader", "_skip", "_target")

    def __init__(self, target: str, login: tuple[str, str] | None = None) -> None:
        self._target = target
        self._login = login
        self._reader = HeadReader()
        self._challenge: bytes | None = None
        self._skip = 0  # bytes of the page with the challenge that are still to come, at most _MOST_BODY
        self._outgoing = self._request_with(ntlm.NEGOTIATE if login else b"")

    def data_to_send(self) -> bytes:
        """What to send now."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """See :meth:`HttpConnect.receive_data`."""
        if self._skip:
            return self._skip_page(bytes(data))
        parts = self._reader.receive_data(data)
        if parts is None:
            return None
        head, rest = parts
        response = parse_response(head)
        if response.status == 200:
            return rest
        challenge = self._challenge_in(response)
        if challenge is None:
            raise RemoteProtocolError(f"DialTcpByNTLMHttpProxy error, StatusCode [{response.status}]")
        self._challenge = challenge
        self._reader = HeadReader()
        self._skip = _page_size(response)
        return self._skip_page(rest)

    def _challenge_in(self, response: ResponseHead) -> bytes | None:
        """The challenge, the first time there is one."""
        if response.status != 407 or self._challenge is not None or self._login is None:
            return None
        for offer in response.fields.get("proxy-authenticate", "").split(","):
            if offer.strip().startswith(_SCHEME):
                return _decoded(offer.strip()[len(_SCHEME) :])
        return None

    def _skip_page(self, data: bytes) -> bytes | None:
        taken = min(self._skip, len(data))
        self._skip -= taken
        if self._skip or self._challenge is None or self._login is None:
            return None
        self._outgoing = self._request_with(ntlm.authenticate(self._challenge, *self._login))
        return self.receive_data(data[taken:])

    def _request_with(self, token: bytes) -> bytes:
        fields = {"User-Agent": "Go-http-client/1.1"}
        if token:
            fields["Proxy-Authorization"] = _SCHEME + base64.b64encode(token).decode()
        return _request(self._target, fields)


def _request(target: str, fields: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{lines}\r\n".encode()


def _decoded(challenge: str) -> bytes:
    try:
        return base64.b64decode(challenge, validate=True)
    except ValueError:  # binascii.Error is one, and characters outside ASCII are another
        raise RemoteProtocolError("NTLM: the challenge is no base64") from None


def _page_size(response: ResponseHead) -> int:
    """Bytes of the body of an answer. Raises :class:`RemoteProtocolError` where they are not told before."""
    size = response.fields.get("content-length", "0")
    if (
        not size.isdecimal()
        or len(size) > _MOST_DIGITS
        or int(size) > _MOST_BODY
        or "transfer-encoding" in response.fields
    ):
        raise RemoteProtocolError("NTLM: the page with the challenge is in chunks or longer than 1 MiB")
    return int(size)

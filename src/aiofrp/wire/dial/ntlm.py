"""CONNECT through an HTTP proxy with NTLM version 2 ([MS-NLMP]; docs/protocol/client.md §1.5).

pyspnego makes the messages. This module imports it, and is itself imported only for such a proxy. Malformed challenges
that pyspnego would accept are refused here.
"""

from __future__ import annotations

import base64
import struct
from typing import Final

import spnego
from spnego.exceptions import SpnegoError

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.dial.connect import connect_request
from aiofrp.wire.dial.httphead import DialResponse, HeadReader, parse_dial_response

_SCHEME: Final = "Negotiate "
_MOST_BODY: Final = 1024 * 1024
"""Most bytes of the response body that comes with a challenge."""
_MOST_DIGITS: Final = 20
"""Most digits of a Content-Length that are converted to a number."""

_UNICODE, _LM_KEY = 0x1, 0x80  # flags of a challenge
_CHALLENGE: Final = struct.Struct("<8sIHHIL8s8xHHI")  # up to the field of the target info


class NtlmConnect:
    """A CONNECT request, and a second one on the same connection that answers the proxy's challenge.

    Send :meth:`data_to_send` first and after each :meth:`receive_data` that returned ``None``; pass what the proxy
    sends to :meth:`receive_data` until it returns bytes.
    """

    __slots__ = ("_challenge", "_login", "_outgoing", "_reader", "_skip", "_target")

    def __init__(self, target: str, login: tuple[str, str] | None = None) -> None:
        """``target``: ``host:port``. ``login``: user name, also as ``domain\\\\user``, and password."""
        self._target = target
        self._login = NtlmLogin(*login) if login else None
        self._reader = HeadReader()
        self._challenge: bytes | None = None
        self._skip = 0  # bytes of the body of the challenge that were not received yet, at most _MOST_BODY
        self._outgoing = self._request_with(self._login.negotiate() if self._login else b"")

    def data_to_send(self) -> bytes:
        """The bytes to send now; empty when there are none."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """As :meth:`aiofrp.wire.dial.connect.HttpConnect.receive_data`; raises also for a malformed challenge."""
        if self._skip:
            return self._skip_page(bytes(data))
        parts = self._reader.receive_data(data)
        if parts is None:
            return None
        head, rest = parts
        response = parse_dial_response(head)
        if response.status == 200:
            return rest
        challenge = self._challenge_in(response)
        if challenge is None:
            raise RemoteProtocolError(f"DialTcpByNTLMHttpProxy error, StatusCode [{response.status}]")
        self._challenge = challenge
        self._reader = HeadReader()
        self._skip = _page_size(response)
        return self._skip_page(rest)

    def _challenge_in(self, response: DialResponse) -> bytes | None:
        """The challenge of a first 407 response, or ``None`` when the login cannot continue."""
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
        self._outgoing = self._request_with(self._login.authenticate(self._challenge))
        return self.receive_data(data[taken:])

    def _request_with(self, token: bytes) -> bytes:
        fields = {"User-Agent": "Go-http-client/1.1"}
        if token:
            fields["Proxy-Authorization"] = _SCHEME + base64.b64encode(token).decode()
        return connect_request(self._target, fields)


class NtlmLogin:
    """The two messages of an NTLM client. Call :meth:`negotiate` first, then :meth:`authenticate`, each once."""

    __slots__ = ("_context",)

    def __init__(self, username: str, password: str) -> None:
        """``username`` may be ``domain\\\\user``."""
        credential = spnego.Password(username, password)
        options = (
            spnego.NegotiateOptions.use_ntlm
        )  # not the implementation of the system, which may use other credentials
        self._context = spnego.client(credential, protocol="ntlm", options=options)

    def negotiate(self) -> bytes:
        """The NEGOTIATE message, which lists the client's capabilities."""
        return self._context.step() or b""

    def authenticate(self, challenge: bytes) -> bytes:
        """The AUTHENTICATE message, which answers the proxy's CHALLENGE message.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` for a challenge that is malformed or cannot be answered.
        """
        _check(challenge)
        try:
            return self._context.step(challenge) or b""
        except (SpnegoError, ValueError, OverflowError, struct.error) as exc:
            raise RemoteProtocolError(f"NTLM: the challenge cannot be answered: {exc}") from exc


def _check(challenge: bytes) -> None:
    """Raises :class:`RemoteProtocolError` for a malformed challenge, and for one that demands version 1."""
    if len(challenge) < _CHALLENGE.size:
        raise RemoteProtocolError("NTLM: the challenge is too short")
    signature, kind, _, _, _, flags, _, size, _, at = _CHALLENGE.unpack_from(challenge)
    if signature != b"NTLMSSP\0" or kind != 2:
        raise RemoteProtocolError("NTLM: this is no challenge")
    if flags & _LM_KEY:
        raise RemoteProtocolError("NTLM: only version 2 is supported, but the server requested version 1")
    if not flags & _UNICODE:
        raise RemoteProtocolError("NTLM: only unicode is supported")
    if at + size > len(challenge):
        raise RemoteProtocolError("NTLM: the target info lies outside the challenge")


def _decoded(challenge: str) -> bytes:
    try:
        return base64.b64decode(challenge, validate=True)
    except ValueError:  # binascii.Error is one, and characters outside ASCII are another
        raise RemoteProtocolError("NTLM: the challenge is no base64") from None


def _page_size(response: DialResponse) -> int:
    """Bytes of a response's body. Raises :class:`RemoteProtocolError` for one in chunks or longer than 1 MiB."""
    size = response.fields.get("content-length", "0")
    if (
        not size.isdecimal()
        or len(size) > _MOST_DIGITS
        or int(size) > _MOST_BODY
        or "transfer-encoding" in response.fields
    ):
        raise RemoteProtocolError("NTLM: the page with the challenge is in chunks or longer than 1 MiB")
    return int(size)

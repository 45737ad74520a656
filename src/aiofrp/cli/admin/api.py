"""Calls to the admin API of a running frpc.

One request by HTTP/1.0 needs a socket and a few lines; the standard library's client for HTTP takes longer to load than
a command may take.
"""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Final

from aiofrp.cli.admin.place import ApiPlace
from aiofrp.errors import FrpError

if TYPE_CHECKING:
    import ssl

#: Bytes an answer may have, and its head.
_MAX_ANSWER, _MAX_HEAD = 64 * 1024 * 1024, 64 * 1024
#: Where a server is reached that listens on all addresses.
_LOCAL: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
_OK: Final = 200


class AdminError(FrpError):
    """The admin API of frpc cannot be reached, or its answer is an error; the text is what the command prints.

    ``status`` is that of the answer, 0 if there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _NoAnswer(Exception):
    """What came is no answer of HTTP."""


class Api:
    """Calls to the admin API of one frpc, at the address that its ``webServer`` settings give."""

    def __init__(self, place: ApiPlace, timeout: float) -> None:
        """``timeout``: seconds for one call."""
        self._place = place
        self._timeout = timeout

    def call(self, method: str, path: str) -> bytes:
        """The body of an answer with status 200. Raises :class:`AdminError` for any other answer and for none."""
        try:
            status, body = self._exchange(method, path)
        except (OSError, _NoAnswer) as error:
            raise self._failed(method.title(), path, error) from None
        if status != _OK:
            raise AdminError(f"api status code [{status}]{_reason(body)}", status)
        return body

    def _failed(self, method: str, path: str, error: Exception) -> AdminError:
        """What to say about a call that had no answer."""
        place = self._place
        where = f"[{place.addr}]:{place.port}" if ":" in place.addr else f"{place.addr}:{place.port}"
        if isinstance(error, TimeoutError):
            reason = f"context deadline exceeded: no answer in {self._timeout:g} s"
        elif isinstance(error, OSError):
            reason = f"dial tcp {where}: {_connect_reason(error)}"
        else:
            reason = f"this is no answer of a frpc: {error}"
        scheme = "https" if place.secured else "http"
        return AdminError(f'{method} "{scheme}://{where}{path}": {reason}')

    def _exchange(self, method: str, path: str) -> tuple[int, bytes]:
        end = time.monotonic() + max(self._timeout, 0.001)
        host = _LOCAL.get(self._place.addr, self._place.addr)
        context = trusting(self._place.cert_file) if self._place.secured else None
        with socket.create_connection((host, self._place.port), _left(end)) as bare:
            sock: socket.socket = bare if context is None else context.wrap_socket(bare)
            with sock:
                sock.settimeout(_left(end))
                sock.sendall(self._request(method, path, host))
                return parsed(_received(sock, end))

    def _request(self, method: str, path: str, host: str) -> bytes:
        name = f"[{host}]" if ":" in host else host
        lines = [f"{method} {path} HTTP/1.0", f"Host: {name}:{self._place.port}", "User-Agent: aiofrp"]
        if method != "GET":
            lines.append("Content-Length: 0")
        user, password = self._place.user, self._place.password.reveal()
        if user or password:
            from binascii import b2a_base64

            credentials = f"{user}:{password}".encode("utf-8", "surrogateescape")
            lines.append(f"Authorization: Basic {b2a_base64(credentials, newline=False).decode()}")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def _left(end: float) -> float:
    """The seconds until ``end``. Raises :exc:`TimeoutError` when it has passed."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _received(sock: socket.socket, end: float) -> bytes:
    """All that the peer sends until it closes the connection or the answer is complete."""
    data, wanted = bytearray(), 0
    while len(data) < _MAX_ANSWER and not (wanted and len(data) >= wanted):
        sock.settimeout(_left(end))
        chunk = sock.recv(64 * 1024)
        if not chunk:
            break
        data += chunk
        wanted = wanted or _length(data)
    return bytes(data)


def _length(data: bytes | bytearray) -> int:
    """The bytes of the whole answer, as its head announces them; 0 while that is not known."""
    head, end, _ = data.partition(b"\r\n\r\n")
    if end:
        for line in bytes(head).split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length" and value.strip().isdigit():
                return len(head) + len(end) + int(value[:20])
    elif len(head) > _MAX_HEAD:
        raise _NoAnswer("its head is too long")
    return 0


def parsed(answer: bytes) -> tuple[int, bytes]:
    """Status and body of an answer. Raises :class:`_NoAnswer` where it is none of HTTP."""
    head, end, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n")[0].split(b" ", 2)
    if not end or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise _NoAnswer(repr(answer[:60]) if answer else "it closed the connection")
    return int(words[1][:4]), body


def _connect_reason(error: OSError) -> str:
    """Why a connection failed, in the words of :func:`aiofrp.transport.net.connect_reason`, which loads slowly."""
    if isinstance(error, ConnectionRefusedError):
        return "connect: connection refused"
    if isinstance(error, socket.gaierror):
        return "lookup: no such host"
    return f"connect: {error.strerror.lower()}" if error.strerror else str(error)


def trusting(cert_file: str) -> ssl.SSLContext:
    """Trust the certificate the configuration names and no other, whatever name it is for. Raises
    :class:`AdminError`."""
    import ssl  # here, as few admin APIs have TLS and it takes long to load

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cert_file)
    except OSError as error:
        raise AdminError(f"open {cert_file}: {(error.strerror or str(error)).lower()}") from None
    return context


def _reason(body: bytes) -> str:
    """Why the API refused, on a line of its own; it is part of JSON answers."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    text = answer.get("Msg", "") if isinstance(answer, dict) else ""
    return f"\n{text}" if text else ""

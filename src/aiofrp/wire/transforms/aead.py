"""Encryption of v2 control connections: key schedule and record stream (docs/protocol/wire.md §6.2).

Per direction a random stream nonce, then records ``length:u32 BE | ciphertext and tag``. Record i is sealed
under the stream nonce plus i, with the stream nonce and the length as associated data. Records and frames
need not coincide.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from aiofrp.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from aiofrp.wire.transforms.base import Buffer
from aiofrp.wire.transforms.xchacha import XChaCha20Poly1305

MAX_PLAIN: Final = 65_536
"""Most plain bytes in one record; the reference's own limit."""

_TAG_SIZE: Final = 16
_KEY_SIZE: Final = 32
_GCM_RECORDS: Final = 2**32  # per key; the reference's own limit


class _Aead(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


_CIPHERS: Final[dict[str, tuple[Callable[[bytes], _Aead], int, int]]] = {
    "aes-256-gcm": (AESGCM, 12, _GCM_RECORDS),
    "xchacha20-poly1305": (XChaCha20Poly1305, 24, 2**64),
}  # name → class, nonce size, most records

ALGORITHMS: Final = tuple(_CIPHERS)
"""Names of the algorithms, the one that suits hardware with AES first."""


# Key schedule


def transcript_hash(client_hello: bytes, server_hello: bytes) -> bytes:
    """Return the hash of the payloads of both hello frames, exactly as they were sent."""
    transcript = hashlib.sha256(b"frp wire v2 crypto transcript")
    for label, payload in ((b"client hello", client_hello), (b"server hello", server_hello)):
        transcript.update(b"\0" + label + b"\0" + len(payload).to_bytes(8, "big") + payload)
    return transcript.digest()


def control_keys(token: str, algorithm: str, transcript: bytes) -> tuple[bytes, bytes]:
    """Return the keys (client to server, server to client) of a control connection.

    With an empty token they depend on public values only.
    """

    def derive(direction: str) -> bytes:
        info = f"frp wire v2 control aead {algorithm} {direction}".encode()
        return HKDF(SHA256(), _KEY_SIZE, salt=transcript, info=info).derive(token.encode())

    return derive("client-to-server"), derive("server-to-client")


# Record stream


class AeadStream:
    """Transform of one connection, both directions; see :class:`aiofrp.wire.transforms.base.Transform`.

    ``algorithm`` is one of :data:`ALGORITHMS`; the keys come from :func:`control_keys`. ``nonce`` is the
    stream nonce to send, chosen at random unless given, which only tests should do.
    """

    __slots__ = (
        "_algorithm",
        "_nonce_size",
        "_receive_key",
        "_receiver",
        "_rest",
        "_sender",
        "_sending_nonce",
    )

    def __init__(
        self, algorithm: str, send_key: bytes, receive_key: bytes, *, nonce: bytes | None = None
    ) -> None:
        self._algorithm = algorithm
        self._nonce_size = _CIPHERS[algorithm][1]
        self._sending_nonce = nonce or os.urandom(self._nonce_size)
        self._sender = _Direction(algorithm, send_key, self._sending_nonce, LocalProtocolError)
        self._receive_key = receive_key
        self._receiver: _Direction | None = None
        self._rest = b""  # an incomplete record, or stream nonce; at most MAX_PLAIN + 20 bytes

    def encode(self, data: Buffer) -> bytes:
        """Return ``data`` as whole records, the stream nonce before the first; nothing for nothing."""
        if not data:
            return b""
        parts, self._sending_nonce = [self._sending_nonce], b""
        for start in range(0, len(data), MAX_PLAIN):
            parts.append(self._sender.seal(bytes(data[start : start + MAX_PLAIN])))
        return b"".join(parts)

    def decode(self, data: Buffer) -> bytes:
        """Return the plain bytes of the records that ``data`` completes.

        Raises :class:`RemoteProtocolError` for forged and oversized records; the transform is then of no more
        use.
        """
        received = self._rest + data
        start, plain = 0, []
        if self._receiver is None:
            start = self._nonce_size
            if len(received) < start:
                self._rest = received
                return b""
            self._receiver = _Direction(
                self._algorithm, self._receive_key, received[:start], RemoteProtocolError
            )
        while (end := _record_end(received, start)) <= len(received):
            plain.append(self._receiver.open(received[start : start + 4], received[start + 4 : end]))
            start = end
        self._rest = received[start:]
        return b"".join(plain)


class _Direction:
    """Cipher and next nonce of one direction."""

    __slots__ = ("_cipher", "_exhausted", "_limit", "_next", "_stream_nonce")

    def __init__(self, algorithm: str, key: bytes, nonce: bytes, exhausted: type[ProtocolError]) -> None:
        new_cipher, size, most_records = _CIPHERS[algorithm]
        self._cipher = new_cipher(key)
        self._stream_nonce = nonce
        self._next = int.from_bytes(nonce, "big")
        self._limit = min(self._next + most_records, 2 ** (8 * size) - 1)  # the nonce must not wrap around
        self._exhausted = exhausted

    def seal(self, plain: bytes) -> bytes:
        length = (len(plain) + _TAG_SIZE).to_bytes(4, "big")
        return length + self._cipher.encrypt(self._nonce(), plain, self._stream_nonce + length)

    def open(self, length: bytes, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(), sealed, self._stream_nonce + length)
        except InvalidTag:
            raise RemoteProtocolError("encrypted record is forged, or the tokens differ") from None

    def _nonce(self) -> bytes:
        if self._next >= self._limit:
            raise self._exhausted("no nonce left for another encrypted record")
        nonce = self._next.to_bytes(len(self._stream_nonce), "big")
        self._next += 1
        return nonce


def _record_end(received: bytes, start: int) -> int:
    """Where the record at ``start`` ends; beyond all bytes received if even its length is incomplete."""
    if len(received) - start < 4:
        return len(received) + 1
    length = int.from_bytes(received[start : start + 4], "big")
    if not _TAG_SIZE <= length <= MAX_PLAIN + _TAG_SIZE:
        raise RemoteProtocolError(f"encrypted record of {length} bytes, not in 16..{MAX_PLAIN + _TAG_SIZE}")
    return start + 4 + length

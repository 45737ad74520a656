"""Packets of the two AEAD ciphers of SSH, sealed and opened with few calls for each.

``aes*-gcm@openssh.com`` (RFC 5647) and ``chacha20-poly1305@openssh.com`` (OpenSSH's PROTOCOL.chacha20poly1305). The
objects stand in for those of asyncssh, which make their keys anew for every packet, and have its names of methods.
"""

from __future__ import annotations

from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.poly1305 import Poly1305

from aiofrp.errors import RemoteProtocolError
from aiofrp.stream.base import Buffer

#: Bytes of the authentication tag of both.
TAG = 16
#: Bytes of the shortest packet, and of packets that are copied rather than viewed, which costs less.
_LEAST, _COPIED = 5, 4096
_BLOCK = bytes(64)
_MOST_COUNT = 0xFFFFFFFFFFFFFFFF


class GcmPackets:
    """AES in GCM, one direction of one connection. The length of a packet is not encrypted."""

    __slots__ = ("_aead", "_count", "_fixed")

    def __init__(self, key: bytes, nonce: bytes) -> None:
        """``nonce``: of the next packet, 12 bytes; its last eight count packets."""
        self._aead = AESGCM(key)
        self._fixed = nonce[:4]
        self._count = int.from_bytes(nonce[4:], "big")

    def encrypt_packet(self, _seq: int, header: bytes, packet: bytes) -> tuple[bytes, bytes]:
        """``header``, the length, and the sealed packet with its tag; they are not joined, which would copy them."""
        nonce = self._fixed + self._count.to_bytes(8, "big")
        self._count = (self._count + 1) & _MOST_COUNT
        return header, self._aead.encrypt(nonce, packet, header)

    def decrypt_header(self, _seq: int, first: bytes, size: int) -> tuple[bytes, bytes]:
        """The beginning of a packet, and its length within it."""
        return first, first[:size]

    def decrypt_packet(self, seq: int, first: bytes, rest: Buffer, size: int, mac: Buffer) -> bytes | None:
        """The opened packet, or ``None`` if its tag is wrong."""
        return _open_whole(self, seq, first, rest, mac)

    def cut(self, buffer: bytes, at: int, _seq: int, most: int) -> bytes | None:
        """The packet at ``buffer[at]``, opened, or ``None`` while it is not complete. Raises
        :class:`~aiofrp.errors.RemoteProtocolError` for one of more than ``most`` bytes, and
        :class:`~cryptography.exceptions.InvalidTag`."""
        start = at + 4
        header = buffer[at:start]
        length = int.from_bytes(header, "big")
        end = start + length + TAG
        if not _LEAST <= length <= most and len(header) == 4:
            raise _wrong_length(length, most)
        if len(buffer) < end or length < _LEAST:
            return None
        sealed = buffer[start:end] if length < _COPIED else memoryview(buffer)[start:end]
        nonce = self._fixed + self._count.to_bytes(8, "big")
        self._count = (self._count + 1) & _MOST_COUNT
        return self._aead.decrypt(nonce, sealed, header)


class ChaChaPackets:
    """ChaCha20 with Poly1305, one direction of one connection. The length has a key of its own."""

    __slots__ = ("_lengths", "_stream")

    def __init__(self, key: bytes, length_key: bytes) -> None:
        self._stream = _key_stream(key)
        self._lengths = _key_stream(length_key)

    def encrypt_packet(self, seq: int, header: bytes, packet: bytes) -> tuple[bytes, bytes]:
        """The sealed packet, and its tag."""
        nonce = seq.to_bytes(16, "big")
        tag_key = self._begin(nonce)
        sealed = self._crypt_length(nonce, header) + self._stream.update(packet)
        return sealed, Poly1305.generate_tag(tag_key, sealed)

    def decrypt_header(self, seq: int, first: bytes, size: int) -> tuple[bytes, bytes]:
        """The beginning of a packet, and its length."""
        return first, self._crypt_length(seq.to_bytes(16, "big"), first[:size])

    def decrypt_packet(self, seq: int, first: bytes, rest: Buffer, size: int, mac: Buffer) -> bytes | None:
        """The opened packet, or ``None`` if its tag is wrong."""
        return _open_whole(self, seq, first, rest, mac)

    def cut(self, buffer: bytes, at: int, seq: int, most: int) -> bytes | None:
        """As :meth:`GcmPackets.cut`."""
        start = at + 4
        header = buffer[at:start]
        if len(header) < 4:
            return None
        nonce = seq.to_bytes(16, "big")
        length = int.from_bytes(self._crypt_length(nonce, header), "big")
        if not _LEAST <= length <= most:
            raise _wrong_length(length, most)
        end = start + length + TAG
        if len(buffer) < end:
            return None
        sealed = memoryview(buffer)[start : end - TAG]
        check = Poly1305(self._begin(nonce))
        check.update(header)
        check.update(sealed)
        if not compare_digest(check.finalize(), buffer[end - TAG : end]):
            raise InvalidTag
        return self._stream.update(sealed)

    def _begin(self, nonce: bytes) -> bytes:
        """The key of a packet's tag; its bytes are next in the key stream."""
        self._stream.reset_nonce(nonce)
        return self._stream.update(_BLOCK)[:32]

    def _crypt_length(self, nonce: bytes, header: bytes) -> bytes:
        self._lengths.reset_nonce(nonce)
        return self._lengths.update(header)


def _open_whole(packets: GcmPackets | ChaChaPackets, seq: int, *parts: Buffer) -> bytes | None:
    """The packet that ``parts`` are together, opened, or ``None`` if its tag is wrong."""
    whole = b"".join(parts)
    try:
        return packets.cut(whole, 0, seq, len(whole))
    except InvalidTag:
        return None


def _key_stream(key: bytes) -> CipherContext:
    """What packets are sealed and opened with once it has their nonce. To make it anew costs a third of a packet."""
    return Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()


def _wrong_length(length: int, most: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"SSH: a packet of {length} bytes, {most} are allowed")

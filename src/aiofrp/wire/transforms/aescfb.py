"""AES-128-CFB as frp uses it: a random IV, then one stream without padding, MAC or framing
(docs/protocol/wire.md §7).

The format has no authentication tag: bytes are secret, but a change of them is not detected.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.transforms.base import Buffer

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:  # cryptography before it moved the old modes
    from cryptography.hazmat.primitives.ciphers.modes import CFB

IV_SIZE: Final = 16


class AesCfb:
    """Transform of one connection, both directions; see :class:`aiofrp.wire.transforms.base.Transform`.

    ``key`` is what :func:`aiofrp.wire.frp.auth.derive_key` returns. The IV goes out right before the first byte,
    so a side that sends nothing sends no IV. ``iv`` is chosen at random unless given, which only tests should
    do.
    """

    __slots__ = ("_decryptor", "_encryptor", "_iv", "_key", "_peer_iv")

    def __init__(self, key: bytes, *, iv: bytes | None = None) -> None:
        self._key = key
        self._iv = iv
        self._peer_iv = b""  # as much of it as has arrived; at most IV_SIZE
        self._encryptor: CipherContext | None = None
        self._decryptor: CipherContext | None = None

    def encode(self, data: Buffer) -> bytes:
        """Return the ciphertext of ``data``, with the IV before the first."""
        if self._encryptor is not None:
            return self._encryptor.update(data)
        if not data:
            return b""
        iv = self._iv or os.urandom(IV_SIZE)
        self._encryptor = Cipher(AES(self._key), CFB(iv)).encryptor()
        return iv + self._encryptor.update(data)

    def decode(self, data: Buffer) -> bytes:
        """Return the plaintext in ``data``, nothing while the IV is incomplete. Never fails."""
        if self._decryptor is not None:
            return self._decryptor.update(data)
        missing = IV_SIZE - len(self._peer_iv)
        self._peer_iv += data[:missing]
        if len(self._peer_iv) < IV_SIZE:
            return b""
        self._decryptor = Cipher(AES(self._key), CFB(self._peer_iv)).decryptor()
        return self._decryptor.update(data[missing:])


def encrypt_datagram(key: bytes, data: Buffer) -> bytes:
    """Return ``data`` encrypted on its own, its IV in front."""
    iv = os.urandom(IV_SIZE)
    return iv + Cipher(AES(key), CFB(iv)).encryptor().update(data)


def decrypt_datagram(key: bytes, datagram: Buffer) -> bytes:
    """Undo :func:`encrypt_datagram`; raise :class:`RemoteProtocolError` if it is shorter than an IV.

    A wrong key gives noise, not an error.
    """
    if len(datagram) < IV_SIZE:
        raise RemoteProtocolError(f"encrypted datagram of {len(datagram)} bytes, shorter than its IV")
    iv = bytes(datagram[:IV_SIZE])
    return Cipher(AES(key), CFB(iv)).decryptor().update(datagram[IV_SIZE:])

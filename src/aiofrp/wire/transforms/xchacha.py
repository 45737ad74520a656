"""XChaCha20-Poly1305 out of ChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03).

Written by hand: ``cryptography`` lacks it, and a second library of cryptography for one function would be too much.
"""

from __future__ import annotations

import struct
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_CONSTANTS: Final = struct.unpack("<4I", b"expand 32-byte k")
_MASK: Final = 0xFFFFFFFF
_QUARTERS: Final = (
    *((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)),  # columns
    *((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)),  # diagonals
)


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """Return the 32-byte subkey for a 32-byte key and the first 16 bytes of a nonce."""
    state = [*_CONSTANTS, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce)]
    for _ in range(10):
        for quarter in _QUARTERS:
            _quarter_round(state, *quarter)
    return struct.pack("<8I", *state[:4], *state[12:])


def _quarter_round(state: list[int], a: int, b: int, c: int, d: int) -> None:
    for first, second, third, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[first] = (state[first] + state[second]) & _MASK
        mixed = state[third] ^ state[first]
        state[third] = (mixed << bits | mixed >> (32 - bits)) & _MASK


class XChaCha20Poly1305:
    """Same interface as the AEAD classes of ``cryptography``, with nonces of 24 bytes.

    The subkey is kept as long as the first 16 bytes of the nonce stay the same: with counted nonces,
    practically for ever.
    """

    __slots__ = ("_cipher", "_key", "_prefix")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._prefix = b""
        self._cipher: ChaCha20Poly1305 | None = None

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return ciphertext and tag."""
        return self._for(nonce).encrypt(bytes(4) + nonce[16:], data, associated_data)

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return the plaintext; raise ``cryptography.exceptions.InvalidTag``."""
        return self._for(nonce).decrypt(bytes(4) + nonce[16:], data, associated_data)

    def _for(self, nonce: bytes) -> ChaCha20Poly1305:
        prefix = nonce[:16]
        if self._cipher is None or prefix != self._prefix:
            self._cipher, self._prefix = ChaCha20Poly1305(hchacha20(self._key, prefix)), prefix
        return self._cipher

"""Digests and keys made from shared secrets (docs/protocol/wire.md §7 and §10).

The functions depend on their arguments only; the sessions decide which message carries which digest.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import Final

_SALT: Final = b"frp"
_ITERATIONS: Final = 64
_KEY_SIZE: Final = 16  # AES-128


def token_digest(token: str, timestamp: int) -> str:
    """Return the ``privilege_key`` of Login, Ping and NewWorkConn; ``timestamp`` is in Unix seconds."""
    return _digest(token, timestamp)


def sign_key(secret_key: str, timestamp: int) -> str:
    """Return the ``sign_key`` of a visitor with ``secret_key``; ``timestamp`` is in Unix seconds."""
    return _digest(secret_key, timestamp)


def _digest(secret: str, timestamp: int) -> str:
    return hashlib.md5(f"{secret}{timestamp}".encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=256)
def derive_key(secret: str) -> bytes:
    """Return the 16-byte AES key made from ``auth.token``, or from the secret key of a visitor.

    The last 256 secrets are remembered, as every work connection needs its key again.
    """
    return hashlib.pbkdf2_hmac("sha1", secret.encode(), _SALT, _ITERATIONS, _KEY_SIZE)


def matches(presented: str, expected: str) -> bool:
    """Whether two digests are equal, compared in constant time."""
    return hmac.compare_digest(presented.encode(), expected.encode())

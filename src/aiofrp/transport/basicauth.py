"""HTTP basic authentication (RFC 7617), checked in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

from aiofrp.config.types import Secret

#: Seconds until a wrong credential is answered (spec: client §6).
FAILURE_DELAY: Final = 0.2
#: What a refused client is told, in the header and in the body.
CHALLENGE: Final = 'Basic realm="Restricted"'
REFUSED: Final = "Unauthorized\n"


class BasicAuth:
    """One user and password; both empty let everybody in."""

    __slots__ = ("_expected", "_open")

    def __init__(self, user: str, password: Secret) -> None:
        self._open = not user and not password
        self._expected = f"{user}:{password.reveal()}".encode("utf-8", "surrogateescape")

    def admits(self, header: str) -> bool:
        """Whether an ``Authorization`` header (empty: there is none) shows the right user and password."""
        if self._open:
            return True
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, self._expected)

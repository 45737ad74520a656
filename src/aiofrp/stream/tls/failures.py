"""Why TLS failed, in words."""

from __future__ import annotations

import ssl

from aiofrp.errors import TransportError


class TlsFailed(TransportError):
    """The handshake failed, or a record cannot be read."""


#: Reasons of OpenSSL that say little, in other words.
_WORDS = {
    "wrong version number": "the peer does not speak TLS on this port (wrong version number)",
    "record layer failure": "the peer does not speak TLS on this port (record layer failure)",  # since OpenSSL 3.2
    "http request": "the peer sent plain HTTP",
}


def explain(exc: ssl.SSLError) -> TlsFailed:
    """A TLS error as ours, in OpenSSL's words with blanks and in lower case."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return TlsFailed(f"TLS: the peer's certificate was refused: {exc.verify_message}")
    reason = (exc.reason or str(exc)).replace("_", " ").lower()
    return TlsFailed(f"TLS: {_WORDS.get(reason, reason)}")

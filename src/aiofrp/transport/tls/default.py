"""The context for servers that are verified by the authorities of the system, or of one file."""

from __future__ import annotations

import ssl


def default_context(cafile: str = "") -> ssl.SSLContext:
    """Verify certificates and names by the authorities of the system, or of ``cafile``.

    As Go does, it takes authorities without a key identifier, which Python 3.13 and later refuse otherwise
    (``VERIFY_X509_STRICT``). Raises :class:`OSError` and :class:`ssl.SSLError` about ``cafile``.
    """
    context = ssl.create_default_context(cafile=cafile or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context

"""Text as a QR code (ISO/IEC 18004) that a terminal shows."""

from __future__ import annotations

import io


def qr_code(text: str) -> str:
    """``text`` as a QR code of half blocks, in lines; at the lowest level of error correction, which makes it small."""
    import segno

    written = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(written, compact=True)
    return written.getvalue().rstrip("\n")

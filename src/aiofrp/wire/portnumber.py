"""The number of a port in a text."""

from __future__ import annotations


def port_number(text: str) -> int | None:
    """The port from 0 to 65535 that ``text`` is the number of; ``None`` where it is none, at a small cost whatever its
    length."""
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535:
        return int(text)
    return None

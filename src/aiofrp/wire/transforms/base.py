"""The interface of a reversible change of the bytes of one connection: encryption, compression."""

from __future__ import annotations

from typing import Protocol

Buffer = bytes | bytearray | memoryview
"""Bytes as they come from a connection; never kept beyond the call."""


class Transform(Protocol):
    """One object serves one connection: the two directions are independent, each keeps its own state."""

    def encode(self, data: Buffer) -> bytes:
        """Return what to send for ``data``, complete: nothing is held back."""

    def decode(self, data: Buffer) -> bytes:
        """Return what ``data`` adds to the received stream, perhaps nothing yet.

        Raise :class:`aiofrp.errors.RemoteProtocolError` when the peer sent what cannot be decoded.
        """

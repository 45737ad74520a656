"""Datagrams with a session id, which the two sides of a hole send each other (docs/protocol/nat.md §5).

An IV, then a NatHoleSid message in the framing of v1, encrypted with AES-128-CFB under the secret key of the proxy.
There is no authentication tag: a wrong key gives noise, which almost never is a message.
"""

from __future__ import annotations

import secrets
import time
from typing import Final

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.codec import Decoder, encode
from aiofrp.wire.frp.messages import NatHoleSid
from aiofrp.wire.transforms.aescfb import decrypt_datagram, encrypt_datagram

LONGEST: Final = 1024
"""Bytes of the longest datagram that is a message; the reference reads no more."""


def new_id() -> str:
    """A session id or a transaction id: the Unix time in seconds and 16 random hexadecimal digits."""
    return f"{int(time.time())}{secrets.token_hex(8)}"


class SidCodec:
    """Writes and reads the datagrams of all proxies and visitors that have one secret key."""

    __slots__ = ("_key",)

    def __init__(self, secret: str) -> None:
        """``secret``: the ``secretKey`` of the proxy or visitor, which may be empty."""
        self._key = derive_key(secret)

    def encode(self, message: NatHoleSid) -> bytes:
        """A datagram with ``message``, under a fresh IV."""
        return encrypt_datagram(self._key, encode(message))

    def decode(self, datagram: bytes) -> NatHoleSid:
        """The message in ``datagram``; what follows it is ignored. Raises
        :class:`~aiofrp.errors.RemoteProtocolError` when there is none."""
        if len(datagram) > LONGEST:
            raise RemoteProtocolError(f"datagram of {len(datagram)} bytes, longer than {LONGEST}")
        message = Decoder().receive_one(decrypt_datagram(self._key, datagram))
        if not isinstance(message, NatHoleSid):
            what = "no whole message" if message is None else type(message).__name__
            raise RemoteProtocolError(f"datagram with {what} in place of NatHoleSid")
        return message

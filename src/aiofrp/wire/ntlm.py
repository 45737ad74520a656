"""NTLM version 2 for HTTP proxies: the messages a client sends ([MS-NLMP] §2.2, §3.3.2).

They are the reference's, to the byte: no key exchange, no signature, no workstation. MD4, which the algorithm needs, is
no longer in OpenSSL's default set and therefore written out here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import struct
import time
from typing import Final

from aiofrp.errors import RemoteProtocolError

NEGOTIATE: Final = base64.b64decode("TlRMTVNTUAABAAAAAYKIoAAAAAAoAAAAAAAAACgAAAAGAbEdAAAADw==")
"""The first message: what the client can do; the same for everybody."""

_SIGNATURE: Final = b"NTLMSSP\0"
_UNICODE, _LM_KEY, _VERSION, _KEY_EXCHANGE = 0x1, 0x80, 0x02000000, 0x40000000
_CHALLENGE: Final = struct.Struct("<8sIHHIL8s8xHHI")  # up to the field of the target info
_FIELDS: Final = 64  # bytes of the answer before its payload
_END, _TIMESTAMP = 0, 7  # kinds of attribute in the target info
_EPOCH: Final = 116444736000000000  # 1970 in tenths of microseconds since 1601


def authenticate(
    challenge: bytes, username: str, password: str, *, nonce: bytes | None = None, now: float | None = None
) -> bytes:
    """The answer to a server's challenge. ``username`` may be ``domain\\\\user``.

    ``nonce`` (8 bytes) and ``now`` (Unix seconds) are chosen here unless a test gives them. Raises
    :class:`RemoteProtocolError` for a challenge that cannot be answered.
    """
    flags, server_nonce, target_info = _read_challenge(challenge)
    domain, _, user = username.partition("\\") if "\\" in username else ("", "", username)
    nonce = os.urandom(8) if nonce is None else nonce
    stamp = _attributes(target_info).get(_TIMESTAMP) or _file_time(time.time() if now is None else now)
    key = _hmac(md4(_utf16(password)), _utf16(user.upper() + domain))
    blob = b"\1\1" + bytes(6) + stamp + nonce + bytes(4) + target_info + bytes(4)
    nt_answer = _hmac(key, server_nonce + blob) + blob
    lm_answer = b"" if target_info else _hmac(key, server_nonce + nonce) + nonce
    return _message(flags & ~_VERSION, (lm_answer, nt_answer, _utf16(domain), _utf16(user), b""))


def _message(flags: int, payloads: tuple[bytes, ...]) -> bytes:
    fields, at = b"", _FIELDS
    for payload in payloads:
        fields += struct.pack("<HHI", len(payload), len(payload), at)
        at += len(payload)
    head = _SIGNATURE + struct.pack("<I", 3) + fields + bytes(8) + struct.pack("<I", flags)
    return head + b"".join(payloads)


def _read_challenge(challenge: bytes) -> tuple[int, bytes, bytes]:
    """Flags, the server's nonce and the target info."""
    if len(challenge) < _CHALLENGE.size:
        raise RemoteProtocolError("NTLM: the challenge is too short")
    signature, kind, _, _, _, flags, nonce, size, _, at = _CHALLENGE.unpack_from(challenge)
    if signature != _SIGNATURE or kind != 2:
        raise RemoteProtocolError("NTLM: this is no challenge")
    if flags & _LM_KEY:
        raise RemoteProtocolError("NTLM: only version 2 is supported, but the server requested version 1")
    if flags & _KEY_EXCHANGE:
        raise RemoteProtocolError("NTLM: the server requested a key exchange, which is not supported")
    if not flags & _UNICODE:
        raise RemoteProtocolError("NTLM: only unicode is supported")
    if at + size > len(challenge):
        raise RemoteProtocolError("NTLM: the target info lies outside the challenge")
    return flags, nonce, challenge[at : at + size]


def _attributes(target_info: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(target_info):
        kind, size = struct.unpack_from("<HH", target_info, at)
        if kind == _END:
            break
        found[kind] = target_info[at + 4 : at + 4 + size]
        at += 4 + size
    if len(found.get(_TIMESTAMP, bytes(8))) != 8:
        raise RemoteProtocolError("NTLM: the server's time is not 8 bytes")
    return found


def _file_time(now: float) -> bytes:
    return (int(now * 10_000_000) + _EPOCH).to_bytes(8, "little")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.md5)


# MD4 (RFC 1320)

_ROUNDS: Final = (  # added constant, order of the words, shifts
    (0, tuple(range(16)), (3, 7, 11, 19)),
    (0x5A827999, (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13)),
    (0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
)


def md4(data: bytes) -> bytes:
    """The MD4 digest, 16 bytes."""
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + (8 * len(data)).to_bytes(8, "little")
    state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
    for at in range(0, len(padded), 64):
        state = _md4_block(state, struct.unpack_from("<16I", padded, at))
    return struct.pack("<4I", *state)


def _md4_block(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for number, (constant, order, shifts) in enumerate(_ROUNDS):
        for step, index in enumerate(order):
            if number == 0:
                mixed = (b & c) | (~b & d)
            elif number == 1:
                mixed = (b & c) | (b & d) | (c & d)
            else:
                mixed = b ^ c ^ d
            total = (a + mixed + words[index] + constant) & 0xFFFFFFFF
            shift = shifts[step % 4]
            a, b, c, d = d, ((total << shift) | (total >> (32 - shift))) & 0xFFFFFFFF, b, c
    return (
        (state[0] + a) & 0xFFFFFFFF,
        (state[1] + b) & 0xFFFFFFFF,
        (state[2] + c) & 0xFFFFFFFF,
        (state[3] + d) & 0xFFFFFFFF,
    )

"""The other end of NTLM for tests: reads a client's answer as a strict proxy does ([MS-NLMP] §3.2.5.1.2).

It shares no code with what it judges; MD4 is written out because OpenSSL's default set has it no more.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

_FLAGS, _TIMESTAMP = 6, 7  # kinds of attribute in the target info
_MIC_PRESENT = 0x2
_SIGN, _SEAL, _KEY_EXCHANGE = 0x10, 0x20, 0x40000000


@dataclass(frozen=True)
class Answer:
    """What an answer says."""

    domain: str
    user: str
    workstation: str
    flags: int
    stamp: bytes  #: the client's time, or the server's if the challenge told it
    nonce: bytes
    attributes: dict[int, bytes]  #: the target info, as the client gives it back
    has_mic: bool


def judge(negotiate: bytes, challenge: bytes, authenticate: bytes, password: str) -> Answer:
    """The content of a good answer; AssertionError for one that does not prove the password."""
    assert authenticate[:12] == b"NTLMSSP\0\3\0\0\0"
    lm, nt, domain, user, workstation, session = (_field(authenticate, at) for at in range(12, 60, 8))
    (flags,) = struct.unpack_from("<I", authenticate, 60)
    key = _hmac(md4(_utf16(password)), _utf16(_text(user).upper()) + domain)
    proof, blob = nt[:16], nt[16:]
    assert proof == _hmac(key, challenge[24:32] + blob)
    assert blob[:8] == b"\1\1" + bytes(6)
    assert lm in (b"", bytes(24), _hmac(key, challenge[24:32] + blob[16:24]) + blob[16:24])
    attributes = _attributes(blob[28:])
    given = _attributes(_field(challenge, 40))
    assert given.items() <= attributes.items()
    assert given.get(_TIMESTAMP, blob[8:16]) == blob[8:16]
    has_mic = bool(int.from_bytes(attributes.get(_FLAGS, b""), "little") & _MIC_PRESENT)
    if has_mic:
        whole = negotiate + challenge + _without_mic(authenticate)
        assert _mic(authenticate) == _hmac(_session_key(_hmac(key, proof), flags, session), whole)
    return Answer(
        _text(domain), _text(user), _text(workstation), flags, blob[8:16], blob[16:24], attributes, has_mic
    )


def _field(message: bytes, at: int) -> bytes:
    size, _, start = struct.unpack_from("<HHI", message, at)
    assert start + size <= len(message)
    return message[start : start + size]


def _attributes(info: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(info):
        kind, size = struct.unpack_from("<HH", info, at)
        if kind == 0:
            break
        found[kind] = info[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def _mic_at(message: bytes) -> int:
    """The MIC stands before the payload, after the version if there is one."""
    start = min(struct.unpack_from("<I", message, at)[0] for at in range(16, 64, 8) if message[at - 4])
    return int(start) - 16


def _mic(message: bytes) -> bytes:
    return message[_mic_at(message) :][:16]


def _without_mic(message: bytes) -> bytes:
    at = _mic_at(message)
    return message[:at] + bytes(16) + message[at + 16 :]


def _session_key(base: bytes, flags: int, encrypted: bytes) -> bytes:
    if not (flags & _KEY_EXCHANGE and flags & (_SIGN | _SEAL)):
        return base
    return Cipher(ARC4(base), mode=None).decryptor().update(encrypted)


def _text(data: bytes) -> str:
    return data.decode("utf-16-le")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


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

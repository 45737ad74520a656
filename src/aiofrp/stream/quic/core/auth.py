"""Pieces of TLS 1.3 that a QUIC server needs beside the library's: a request for a client's certificate, and a check
of a client's ML-KEM key. Bytes only; :mod:`aiofrp.stream.quic.core.library` uses them."""

from __future__ import annotations

#: Types of handshake messages (RFC 8446 §4).
CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, FINISHED = 11, 13, 15, 20
_SIGNATURE_ALGORITHMS = 13
#: What a client may sign with, and what its certificates may be signed with (RFC 8446 §4.2.3).
ALGORITHMS = (0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601)
#: Bytes of one handshake message of a client that is still incomplete; a certificate chain is the longest.
MESSAGE_LIMIT = 64 * 1024
#: Coefficients of an ML-KEM-768 key, 12 bits each, and what they must be below (FIPS 203 §7.2, §8).
_KEM_COEFFICIENTS, _KEM_MODULUS = 768, 3329


def is_kem_key(key: bytes) -> bool:
    """Whether a client's X25519MLKEM768 share begins with an ML-KEM-768 key: all coefficients must be reduced."""
    size = _KEM_COEFFICIENTS * 3 // 2
    if len(key) < size:
        return False
    pairs = (int.from_bytes(key[at : at + 3], "little") for at in range(0, size, 3))
    return all(pair & 0xFFF < _KEM_MODULUS and pair >> 12 < _KEM_MODULUS for pair in pairs)


def certificate_request() -> bytes:
    """The message that asks for a certificate."""
    algorithms = b"".join(algorithm.to_bytes(2, "big") for algorithm in ALGORITHMS)
    extension = _SIGNATURE_ALGORITHMS.to_bytes(2, "big") + _sized(_sized(algorithms, 2), 2)
    return bytes((CERTIFICATE_REQUEST,)) + _sized(b"\0" + _sized(extension, 2), 3)


def _sized(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data

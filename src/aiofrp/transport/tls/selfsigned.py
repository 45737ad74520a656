"""The certificate of a side that was given none: self-signed, made anew at each start (docs/protocol/wire.md §2).

The few elements of DER (X.690) are written here: ``cryptography.x509`` takes a fifth of the time of a start to load.
"""

from __future__ import annotations

import os
import time
from base64 import encodebytes
from typing import Final

_INTEGER, _BIT_STRING, _OCTET_STRING, _OID, _UTC_TIME, _TIME, _SEQUENCE = 2, 3, 4, 6, 0x17, 0x18, 0x30
_EXPLICIT: Final = 0xA0  # and the number of the tag
_UNCOMPRESSED: Final = b"\x04"  # the form of a point (SEC 1 §2.3.3)

#: Seconds the certificate is valid: from an hour ago, as clocks differ, for ten years.
_BEFORE, _AFTER = 3600, 3650 * 86400
#: From this year on a time has its long form (RFC 5280 §4.1.2.5).
_LONG_FORM_FROM = 2050


def self_signed() -> tuple[bytes, bytes]:
    """A fresh self-signed certificate and its key, PEM: empty subject, random serial number, ten years.

    ECDSA P-256 where the reference uses RSA-2048: a handshake costs the server a small part of it.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.private_numbers()
    point = numbers.public_numbers
    public = _bits(_UNCOMPRESSED + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big"))
    curve = _sequence(_oid(1, 2, 840, 10045, 2, 1), _oid(1, 2, 840, 10045, 3, 1, 7))  # ecPublicKey, P-256
    signed = _to_be_signed(_sequence(curve, public))
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    private = _sequence(
        _integer(1), _element(_OCTET_STRING, numbers.private_value.to_bytes(32, "big")), _explicit(1, public)
    )
    return (
        _pem(b"CERTIFICATE", _sequence(signed, _ECDSA_WITH_SHA256, _bits(signature))),
        _pem(b"PRIVATE KEY", _sequence(_integer(0), curve, _element(_OCTET_STRING, private))),
    )


def _to_be_signed(public_key: bytes) -> bytes:
    """The TBSCertificate (RFC 5280 §4.1) of a certificate with empty names and no extensions."""
    now = _now()
    serial = int.from_bytes(os.urandom(19), "big") | 1
    nobody = _sequence()
    validity = _sequence(_time(now - _BEFORE), _time(now + _AFTER))
    version_3 = _explicit(0, _integer(2))
    return _sequence(version_3, _integer(serial), _ECDSA_WITH_SHA256, nobody, validity, nobody, public_key)


def _now() -> int:
    return int(time.time())


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _sequence(*elements: bytes) -> bytes:
    return _element(_SEQUENCE, b"".join(elements))


def _explicit(number: int, element: bytes) -> bytes:
    return _element(_EXPLICIT | number, element)


def _integer(value: int) -> bytes:
    return _element(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes) -> bytes:
    return _element(_BIT_STRING, b"\0" + content)  # all bits of the last byte count


def _oid(first: int, second: int, *others: int) -> bytes:
    content = bytearray((first * 40 + second,))
    for number in others:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(0x80 | (number & 0x7F))
        content += bytes(reversed(digits))
    return _element(_OID, bytes(content))


def _time(when: int) -> bytes:
    year = time.gmtime(when).tm_year
    tag, form = (_TIME, "%Y%m%d%H%M%SZ") if year >= _LONG_FORM_FROM else (_UTC_TIME, "%y%m%d%H%M%SZ")
    return _element(tag, time.strftime(form, time.gmtime(when)).encode())


def _pem(label: bytes, content: bytes) -> bytes:
    text = encodebytes(content).replace(b"\n", b"")
    lines = b"\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label, lines, label)


_ECDSA_WITH_SHA256 = _sequence(_oid(1, 2, 840, 10045, 4, 3, 2))

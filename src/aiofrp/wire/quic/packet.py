"""Packets of an established QUIC connection, opened and sealed again with their keys (RFC 9001 §5), and the
MAX_STREAM_DATA frames in them (RFC 9000 §19.10).

For packets of our own that have not left yet: of two packets with one number only one may ever leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

#: Names of the cipher suites in TLS (RFC 8446 §B.4): hash, bytes of a key, cipher.
_SUITES: dict[int, tuple[hashes.HashAlgorithm, int, type[AESGCM] | type[ChaCha20Poly1305]]] = {
    0x1301: (hashes.SHA256(), 16, AESGCM),
    0x1302: (hashes.SHA384(), 32, AESGCM),
    0x1303: (hashes.SHA256(), 32, ChaCha20Poly1305),
}
_TAG, _SAMPLE = 16, 16
#: Key updates that may have gone by unseen.
_MOST_UPDATES = 4096
PADDING, PING, MAX_STREAM_DATA = 0x00, 0x01, 0x11
#: Bytes of the largest MAX_STREAM_DATA frame.
MAX_STREAM_DATA_SIZE = 17
#: Numbers in a frame of each kind that has nothing else in it (RFC 9000 §19).
_NUMBERS = {
    PADDING: 0,
    PING: 0,
    0x04: 3,
    0x05: 2,
    0x10: 1,
    MAX_STREAM_DATA: 2,
    0x12: 1,
    0x13: 1,
    0x14: 1,
    0x15: 2,
    0x16: 1,
    0x17: 1,
    0x19: 1,
    0x1E: 0,
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A packet with a short header."""

    header: bytes  #: with the number
    number: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class MaxStreamData:
    """A MAX_STREAM_DATA frame: credit for one stream."""

    start: int  #: where it is in its payload
    end: int
    stream: int
    maximum: int  #: bytes of the stream in all


class Protection:
    """What protects the packets with a short header that one side sends, through all updates of its keys."""

    def __init__(self, suite: int, secret: bytes) -> None:
        """``suite``: its number in TLS. ``secret``: the first traffic secret. Raises :class:`KeyError` for a suite that
        QUIC does not have."""
        self._hash, size, self._cipher = _SUITES[suite]
        self._size = size
        self._secret = secret
        self._mask = _masker(self._cipher, expand(self._hash, secret, b"quic hp", size))
        self._phase = 0
        self._seal = self._keys(secret)

    def open(self, packet: bytes, cid_size: int, expected: int) -> Opened | None:
        """``packet``, to a peer with ids of ``cid_size`` bytes, with a number near ``expected``; ``None`` if it has no
        short header. Raises :class:`ValueError` when the keys are others."""
        at = 1 + cid_size
        if len(packet) < at + 4 + _SAMPLE or packet[0] & 0xC0 != 0x40:
            return None
        mask = self._mask(packet[at + 4 : at + 4 + _SAMPLE])
        first = packet[0] ^ mask[0] & 0x1F
        size = (first & 3) + 1
        short = bytes(byte ^ key for byte, key in zip(packet[at : at + size], mask[1:], strict=False))
        number = _nearest(expected, int.from_bytes(short, "big"), 8 * size)
        header = bytes((first,)) + packet[1:at] + short
        return Opened(header, number, self._decrypt(first >> 2 & 1, number, packet[at + size :], header))

    def close(self, opened: Opened, payload: bytes) -> bytes:
        """The packet with another payload, not shorter than before. The one it was opened from must not leave."""
        cipher, iv = self._seal
        header = opened.header
        sealed = cipher.encrypt(_nonce(iv, opened.number), payload, header)
        size = (header[0] & 3) + 1
        at = len(header) - size
        packet = header + sealed
        mask = self._mask(packet[at + 4 : at + 4 + _SAMPLE])
        number = bytes(byte ^ key for byte, key in zip(header[at:], mask[1:], strict=False))
        return bytes((header[0] ^ mask[0] & 0x1F,)) + header[1:at] + number + sealed

    def _decrypt(self, phase: int, number: int, sealed: bytes, header: bytes) -> bytes:
        for _ in range(_MOST_UPDATES):
            if self._phase == phase:
                cipher, iv = self._seal
                try:
                    return cipher.decrypt(_nonce(iv, number), sealed, header)
                except InvalidTag:
                    pass
            self._update()
        raise ValueError("a packet sealed with other keys")

    def _update(self) -> None:
        """The next keys (RFC 9001 §6.1); header protection stays."""
        self._secret = expand(self._hash, self._secret, b"quic ku", self._hash.digest_size)
        self._seal, self._phase = self._keys(self._secret), self._phase ^ 1

    def _keys(self, secret: bytes) -> tuple[AESGCM | ChaCha20Poly1305, bytes]:
        key = expand(self._hash, secret, b"quic key", self._size)
        return self._cipher(key), expand(self._hash, secret, b"quic iv", 12)


def expand(algorithm: hashes.HashAlgorithm, secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label without context (RFC 8446 §7.1)."""
    name = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes((len(name),)) + name + b"\0"
    return HKDFExpand(algorithm, size, info).derive(secret)


def max_stream_data_frames(payload: bytes) -> Iterator[MaxStreamData]:
    """The MAX_STREAM_DATA frames of ``payload``, up to the first frame that cannot be read."""
    at, size = 0, len(payload)
    try:
        while at < size:
            kind, start = payload[at], at
            if kind == PADDING:
                at += 1
                continue
            at, numbers = _frame(payload, at + 1, kind)
            if kind == MAX_STREAM_DATA and at <= size:
                yield MaxStreamData(start, at, *numbers)
    except (IndexError, ValueError):
        return


def _frame(payload: bytes, at: int, kind: int) -> tuple[int, tuple[int, ...]]:
    """Where a frame ends that began a byte before ``at``, and its numbers if there is nothing else in it."""
    count = _NUMBERS.get(kind)
    if count is not None:
        return _take(payload, at, count)
    if kind in (0x02, 0x03):  # ACK
        at, (_, _, ranges, _) = _take(payload, at, 4)
        return _take(payload, at, 2 * ranges + (3 if kind == 0x03 else 0))[0], ()
    if 0x08 <= kind <= 0x0F:  # STREAM
        at, _ = _take(payload, at, 2 if kind & 4 else 1)
        return (_sized(payload, at) if kind & 2 else len(payload)), ()
    if kind in (0x06, 0x07, 0x1C, 0x1D):  # CRYPTO, NEW_TOKEN, CONNECTION_CLOSE
        return _sized(payload, _take(payload, at, {0x06: 1, 0x1C: 2, 0x1D: 1}.get(kind, 0))[0]), ()
    if kind == 0x18:  # NEW_CONNECTION_ID
        at, _ = _take(payload, at, 2)
        return at + 1 + payload[at] + 16, ()
    if kind in (0x1A, 0x1B):  # PATH_CHALLENGE, PATH_RESPONSE
        return at + 8, ()
    raise ValueError(kind)


def _take(payload: bytes, at: int, count: int) -> tuple[int, tuple[int, ...]]:
    """Where ``count`` numbers end, and these."""
    numbers = []
    for _ in range(count):
        width = 1 << (payload[at] >> 6)
        numbers.append(int.from_bytes(payload[at : at + width], "big") & ((1 << (8 * width - 2)) - 1))
        at += width
    return at, tuple(numbers)


def _sized(payload: bytes, at: int) -> int:
    at, (size,) = _take(payload, at, 1)
    return at + size


def max_stream_data_frame(stream: int, maximum: int) -> bytes:
    """The MAX_STREAM_DATA frame that allows ``maximum`` bytes of ``stream`` in all; it has at most
    :data:`MAX_STREAM_DATA_SIZE` bytes."""
    return bytes((MAX_STREAM_DATA,)) + _number(stream) + _number(maximum)


def _number(number: int) -> bytes:
    """As few bytes as hold it (RFC 9000 §16)."""
    code = (number > 0x3F) + (number > 0x3FFF) + (number > 0x3FFFFFFF)
    width = 1 << code
    return (number | code << (8 * width - 2)).to_bytes(width, "big")


def _nonce(iv: bytes, number: int) -> bytes:
    return (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")


def _nearest(expected: int, short: int, bits: int) -> int:
    """The number whose lower ``bits`` are ``short``, nearest to ``expected`` (RFC 9000 §A.3)."""
    turn = 1 << bits
    number = expected & ~(turn - 1) | short
    if number + turn // 2 <= expected:
        return number + turn
    return number - turn if number > expected + turn // 2 and number >= turn else number


def _masker(cipher: type[AESGCM] | type[ChaCha20Poly1305], key: bytes) -> Callable[[bytes], bytes]:
    """Header protection: a sample of a packet → five bytes or more (RFC 9001 §5.4)."""
    if cipher is AESGCM:
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
    return lambda sample: Cipher(algorithms.ChaCha20(key, sample), None).encryptor().update(bytes(5))

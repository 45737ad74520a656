"""STUN Binding requests and the answers to them (RFC 8489; docs/protocol/nat.md §1).

A request has no attribute. Of an answer only the addresses and the error are read. Nothing here sends or waits.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiofrp.errors import RemoteProtocolError

REQUEST, SUCCESS, FAILURE = 0x0001, 0x0101, 0x0111
"""Message types of Binding: a request, a success response and an error response."""

MAPPED_ADDRESS, CHANGED_ADDRESS, ERROR_CODE = 0x0001, 0x0005, 0x0009
XOR_MAPPED_ADDRESS, OTHER_ADDRESS = 0x0020, 0x802C
"""Types of the attributes that are read. CHANGED-ADDRESS is the older name of OTHER-ADDRESS (RFC 3489, RFC 5780)."""

COOKIE: Final = bytes.fromhex("2112a442")
HEADER: Final = 20
"""Bytes before the attributes: type, length of the attributes, cookie and transaction id."""

_IPV4, _IPV6 = 1, 2
_MOST_REASON = 127  # characters of the reason of an error


class BindingRefused(RemoteProtocolError):
    """The server answered with an error response; ``code`` is its number, 300 to 699."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"STUN binding error {code}" + (f": {reason}" if reason else ""))
        self.code = code


@dataclass(frozen=True, slots=True)
class Binding:
    """What a success response says, as ``host:port``; empty where it says nothing."""

    mapped: str  #: where the server saw the request come from
    other: str  #: a second address of the server


def new_transaction() -> bytes:
    """The 12 random bytes that name a transaction."""
    return os.urandom(12)


def binding_request(transaction: bytes) -> bytes:
    """The request of a transaction, 20 bytes."""
    return REQUEST.to_bytes(2, "big") + bytes(2) + COOKIE + transaction


def parse_response(datagram: bytes, transaction: bytes) -> Binding | None:
    """What ``datagram`` answers to the request of ``transaction``; ``None`` when it is no answer to it.

    The caller has checked that it came from where the request went. Raises :class:`BindingRefused` for an error
    response and :class:`~aiofrp.errors.RemoteProtocolError` for an answer that is malformed or names no address.
    """
    kind = int.from_bytes(datagram[:2], "big")
    if kind not in (SUCCESS, FAILURE) or datagram[4:HEADER] != COOKIE + transaction:
        return None
    found: dict[int, bytes] = {}
    for name, value in _attributes(datagram):
        found.setdefault(name, value)  # the first of a type counts (RFC 8489 §14)
    if kind == FAILURE:
        raise _refusal(found.get(ERROR_CODE))
    if XOR_MAPPED_ADDRESS in found:
        mapped = _address(found[XOR_MAPPED_ADDRESS], COOKIE + transaction)
    elif MAPPED_ADDRESS in found:
        mapped = _address(found[MAPPED_ADDRESS])
    else:
        raise RemoteProtocolError("no external address found")
    other = found.get(OTHER_ADDRESS, found.get(CHANGED_ADDRESS))
    return Binding(mapped, "" if other is None else _address(other))


def _attributes(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of each attribute; the padding to a multiple of 4 bytes is left out."""
    length = int.from_bytes(datagram[2:4], "big")
    if length % 4:
        raise _malformed(f"message length {length} is not a multiple of 4")
    if len(datagram) != HEADER + length:
        raise _malformed(f"packet is {len(datagram)} bytes, header declares {HEADER + length}")
    at = HEADER
    while at < len(datagram):
        name = int.from_bytes(datagram[at : at + 2], "big")
        end = at + 4 + int.from_bytes(datagram[at + 2 : at + 4], "big")
        if end > len(datagram):  # with the padding too, as all lengths are multiples of 4
            raise _malformed(f"attribute 0x{name:04x} value or padding is truncated")
        yield name, datagram[at + 4 : end]
        at = end + -end % 4


def _address(value: bytes, mask: bytes = bytes(16)) -> str:
    """The address in the value of an attribute, of which port and host are XORed with ``mask``."""
    if len(value) < 4:
        raise _malformed(f"address attribute is {len(value)} bytes, want at least 4")
    family, size = value[1], len(value) - 4
    if family not in (_IPV4, _IPV6):
        raise RemoteProtocolError(f"unsupported STUN address family: 0x{family:02x}")
    if size != (4 if family == _IPV4 else 16):
        raise _malformed(f"address family 0x{family:02x} has value length {len(value)}")
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
    host = ipaddress.ip_address(bytes(byte ^ with_ for byte, with_ in zip(value[4:], mask, strict=False)))
    return f"{host}:{port}" if host.version == 4 else f"[{host}]:{port}"


def _refusal(value: bytes | None) -> RemoteProtocolError:
    """The error in the value of an ERROR-CODE attribute."""
    if value is None:
        return _malformed("Binding error response has no ERROR-CODE attribute")
    if len(value) < 4:
        return _malformed(f"ERROR-CODE attribute is {len(value)} bytes, want at least 4")
    family, number = value[2] & 7, value[3]
    if not 3 <= family <= 6 or number > 99:
        return _malformed(f"invalid ERROR-CODE class {family} number {number}")
    try:
        reason = value[4:].decode()
    except UnicodeDecodeError:
        return _malformed("ERROR-CODE reason is not valid UTF-8")
    if len(reason) > _MOST_REASON:
        return _malformed(f"ERROR-CODE reason is {len(reason)} characters, want fewer than 128")
    return BindingRefused(family * 100 + number, reason)


def _malformed(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"malformed STUN response: {what}")

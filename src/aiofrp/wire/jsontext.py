"""JSON of values that may hold text that is no Unicode text, as names from a command line or an environment may be."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

#: Lone surrogates: what Python makes of bytes that are no UTF-8, and what no JSON text can hold.
SURROGATES: Final = re.compile(r"[\ud800-\udfff]")

_encode = msgspec.json.encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode


def json_text(value: object, *, sort: bool = False) -> bytes:
    """``value`` as JSON in UTF-8. ``sort``: the keys of maps are sorted. What is no Unicode text becomes U+FFFD, as in
    Go."""
    encode = _encode_sorted if sort else _encode
    try:
        return encode(value)
    except UnicodeEncodeError:
        return encode(_text(msgspec.to_builtins(value)))


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return SURROGATES.sub("\ufffd", value)
    if isinstance(value, (list, tuple)):
        return [_text(item) for item in value]
    if isinstance(value, dict):
        return {_text(key): _text(item) for key, item in value.items()}
    return value

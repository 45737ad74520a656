"""Queries of request targets that services parse differently, brought to one form."""

from __future__ import annotations

import re
from urllib.parse import quote_plus, unquote_to_bytes

#: ``;``, which only some services treat as a separator, and a ``%`` that begins no percent-encoding.
_AMBIGUOUS = re.compile(rb";|%(?![0-9A-Fa-f]{2})")


def clean_query(target: bytes) -> bytes:
    """``target`` with a query that all services parse alike (docs/protocol/client.md §4).

    If the query contains a ``;`` or an invalid percent-encoding, the parameters with one are removed, and the others
    are sorted by name and encoded anew. Any other target is returned unchanged.
    """
    if b"?" not in target:
        return target
    path, mark, query = target.partition(b"?")
    if not _AMBIGUOUS.search(query):
        return target
    pairs = [part.partition(b"=") for part in query.split(b"&") if part and not _AMBIGUOUS.search(part)]
    decoded = [(_decode(name), _decode(value)) for name, _, value in pairs]
    decoded.sort(key=lambda pair: pair[0])
    return path + mark + b"&".join(b"%b=%b" % (_encode(name), _encode(value)) for name, value in decoded)


def _decode(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _encode(text: bytes) -> bytes:
    return quote_plus(text, safe="").encode()

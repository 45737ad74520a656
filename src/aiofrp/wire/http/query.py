"""The query of a request's target, where services disagree about how it is read."""

from __future__ import annotations

import re
from urllib.parse import quote_plus, unquote_to_bytes

#: What some services take for the end of a parameter and others not, and what is no percent-encoding.
_AMBIGUOUS = re.compile(rb";|%(?![0-9A-Fa-f]{2})")


def clean_query(target: bytes) -> bytes:
    """``target`` with a query that everybody reads alike (docs/protocol/client.md §4).

    A query with a ``;`` or a broken percent-encoding loses the parameters that have one; the others are encoded anew,
    in the order of their names. Any other target stays as it is.
    """
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

"""Which content codings a user accepts (RFC 9110 §12.5.3)."""

from __future__ import annotations

import re

_GZIP = re.compile(rb"(?i)(?:x-)?gzip")
_REFUSED = re.compile(rb"(?i)[ \t]*q[ \t]*=[ \t]*0(?:\.0{0,3})?[ \t]*")


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether a user that sent this value of Accept-Encoding accepts gzip. The value ``*`` alone does not count."""
    for part in accept_encoding.split(b","):
        name, _, weight = part.partition(b";")
        if _GZIP.fullmatch(name.strip(b" \t")):
            return not _REFUSED.fullmatch(weight)
    return False

"""Checks whether another web site caused a request: by the Host field, and by the fields that browsers send.

The functions take header fields and have no state.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final

from aiofrp.wire.router import canonical_host

#: A field that a program may send to show that it is no web page of another site. A browser sends it to another site
#: only after a CORS preflight request, which gets the answer 405.
PROOF: Final = "X-Requested-With"

_BROWSER: Final = ("mozilla/", "opera/")  # how the User-Agent of every graphical browser begins
_AUTHORITY: Final = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]*)", re.I)


def foreign_host(hosts: Iterable[str], own: str) -> str | None:
    """The first of the Host fields that is no IP address, not ``localhost`` and not the name ``own``; else ``None``.

    A web page can reach a server on this machine by a host name of its own (DNS rebinding); Host then has this name.
    """
    known = {"localhost", canonical_host(own)} - {""}
    for host in hosts:
        name = canonical_host(host)
        if name not in known and not _is_address(name.removeprefix("[").removesuffix("]")):
            return host
    return None


def same_site(headers: Mapping[str, str]) -> bool:
    """Whether a request was not caused by a page of another web site.

    Browsers name the page in three fields: Sec-Fetch-Site, which they omit when the server has neither TLS nor a
    loopback address; Origin, which they omit from GET; Referer, which a page can turn off. A browser's request with
    none of them is refused. Programs send none of them either; their requests are served.
    """
    fetch_site = headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    page = headers.get("Origin", headers.get("Referer"))
    if page is not None:
        authority = _AUTHORITY.match(page)
        return authority is not None and authority[1].lower() == headers.get("Host", "").lower()
    return PROOF in headers or not headers.get("User-Agent", "").lower().startswith(_BROWSER)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

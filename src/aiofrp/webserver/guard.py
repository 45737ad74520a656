"""Whether a request to a web server comes from where it should: of its Host field, and of who made a browser send it.

Values only: header fields in, answers out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final

from aiofrp.wire.router import canonical_host

#: A field that a program may send to show that it is no browser. Web pages cannot make a browser send it to another
#: site: the browser would ask first, and the answer to that is 405.
PROOF: Final = "X-Requested-With"

_BROWSER: Final = ("mozilla/", "opera/")  # how the User-Agent of every graphical browser begins
_AUTHORITY: Final = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]*)", re.I)


def foreign_host(hosts: Iterable[str], own: str) -> str | None:
    """The first of the Host fields that is no IP address, not ``localhost`` and not the name ``own``; else ``None``.

    A web page can reach a server on this machine by a name of its own (DNS rebinding), which then stands in Host.
    """
    known = {"localhost", canonical_host(own)} - {""}
    for host in hosts:
        name = canonical_host(host)
        if name not in known and not _is_address(name.removeprefix("[").removesuffix("]")):
            return host
    return None


def same_site(headers: Mapping[str, str]) -> bool:
    """Whether no other web site is behind a request.

    Browsers say whose page sent it: in Sec-Fetch-Site, which they leave out where the server has no TLS and no address
    of this machine; in Origin, which they leave out of GET; in Referer, which a page can turn off. A browser that says
    nothing is refused. Programs say nothing either, and are served.
    """
    fetch_site = headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    page = headers.get("Origin", headers.get("Referer"))
    if page is not None:
        authority = _AUTHORITY.match(page)
        return authority is not None and authority[1].lower() == headers.get("Host", "").lower()
    return PROOF in headers or not headers.get("User-Agent", "").lower().startswith(_BROWSER)


def source_of(address: str) -> str:
    """Who is behind an IP address: that address itself, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed), 64), strict=False))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

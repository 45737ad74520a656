"""Which route a request has and whether its credential is good: both from the same parsed head.

The reference once looked up the route by one field and checked the password of another (CVE-2026-40910).
"""

from __future__ import annotations

import binascii
import re
from hmac import compare_digest
from typing import NamedTuple

from aiofrp.errors import FrpError
from aiofrp.http.answers import Answer
from aiofrp.proxy.http import HttpRoute
from aiofrp.server.vhost.pages import forbidden, proxy_unauthorized, unauthorized
from aiofrp.wire.http.head import HeadError, RequestHead
from aiofrp.wire.router import Router, canonical_host

#: What makes a path one that services may normalise (RFC 3986 §6.2.2).
_UNTIDY = re.compile(rb"//|/\.|\\|;")
_PARAMETERS = re.compile(rb";[^/\\]*")


class NoRoute(FrpError):
    """There is no route for a request; the text names host, path and user as the reference does."""


class Credential(NamedTuple):
    """A user name and a password, as UTF-8 or other bytes."""

    user: bytes
    password: bytes


def judge(request: RequestHead, routes: Router[HttpRoute]) -> HttpRoute | Answer:
    """The route of ``request`` when its credential is good, else the answer that asks for one.

    Raises :class:`NoRoute`, and :class:`~aiofrp.wire.http.head.HeadError` for a path that a service may take for one of
    another route.
    """
    name = b"proxy-authorization" if request.absolute else b"authorization"
    shown = request.note(name)
    credential = parse_basic(shown)
    routed_by = credential
    if request.absolute and not shown:  # routed by this field so that it gets 407, not 404; never a password
        routed_by = parse_basic(request.note(b"authorization"))
    user = routed_by.user.decode("utf-8", "surrogateescape") if routed_by else ""
    host = canonical_host(request.host.decode("latin-1"))
    route = routes.find(host, request.path, user)
    if any(routes.find(host, path, user) is not route for path in readings(request.path)):
        raise HeadError
    if route is None:
        raise NoRoute(f"no route found: {host} {request.path.decode('utf-8', 'backslashreplace')} {user}")
    if (route.user or route.password) and not fits(credential, route.user, route.password):
        return proxy_unauthorized() if request.absolute else unauthorized()
    if request.method == b"CONNECT" and not routes.is_whole(host, user):
        # What passes a tunnel is not judged, and some services go on with HTTP in it.
        return forbidden()
    return route


def parse_basic(value: bytes) -> Credential | None:
    """The credential in the value of an Authorization or Proxy-Authorization field, or ``None``."""
    if value[:6].lower() != b"basic " or len(value[6:]) % 4:
        return None
    try:
        text = binascii.a2b_base64(value[6:], strict_mode=True)
    except binascii.Error:
        return None
    user, colon, password = text.partition(b":")
    return Credential(user, password) if colon else None


def fits(credential: Credential | None, user: str, password: str) -> bool:
    """Whether ``credential`` has this user name and password; compared in constant time."""
    if credential is None:
        return False
    same_user = compare_digest(credential.user, user.encode())
    return compare_digest(credential.password, password.encode()) and same_user


def readings(path: bytes) -> list[bytes]:
    """What services that normalise paths make of ``path``, with and without path parameters: Tomcat takes ``/..;x/``
    for ``/../``. Empty where there is nothing to normalise."""
    if not _UNTIDY.search(path):
        return []
    return [resolve(path), resolve(_PARAMETERS.sub(b"", path))]


def resolve(path: bytes) -> bytes:
    """``path`` normalised: backslashes become slashes, slashes are merged, dot segments removed (RFC 3986 §5.2.4)."""
    kept: list[bytes] = []
    segments = path.replace(b"\\", b"/").split(b"/")
    for segment in segments:
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    tail = b"/" if kept and segments[-1] in (b"", b".", b"..") else b""
    return b"/" + b"/".join(kept) + tail

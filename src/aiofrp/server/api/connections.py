"""The open connections of a proxy's users, in version 2 of frps's API: listed and closed one by one."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, TypedDict

from aiohttp import web

from aiofrp.host.contexts import DatagramUser
from aiofrp.server.api.audited import Audited
from aiofrp.server.api.lists import PAGED, Page, page, part
from aiofrp.server.api.statistics import Statistics
from aiofrp.server.publish.flow import LiveConnection
from aiofrp.server.publish.proxies import Proxies
from aiofrp.webserver.routes import route
from aiofrp.webserver.server import ApiError
from aiofrp.wire.addresses import address_text


class ConnectionShown(TypedDict):
    """An open connection of a user. Of an http proxy it is a connection to the service, which requests share."""

    id: Annotated[str, "Id for closing the connection; unique while frps runs."]
    userAddr: Annotated[
        str, "Address and port of the user, the latest if there are several; empty if unknown."
    ]
    startAt: Annotated[int, "When it began, in seconds since 1970."]
    bytesIn: Annotated[int, "Bytes from the user so far."]
    bytesOut: Annotated[int, "Bytes to the user so far."]
    rateIn: Annotated[int, "Bytes per second from the user, over the last 5 seconds."]
    rateOut: Annotated[int, "Bytes per second to the user, over the last 5 seconds."]


class ClosedConnections(TypedDict):
    """The outcome of closing."""

    closed: Annotated[int, "How many connections were closed."]


class ConnectionsApi:
    """The routes about open connections."""

    def __init__(self, proxies: Proxies, statistics: Statistics, audited: Audited) -> None:
        self._proxies = proxies
        self._audited = audited
        self._statistics = statistics

    @route("GET", "/api/v2/proxies/{name}/connections", Page[ConnectionShown], query=PAGED)
    def connections(self, request: web.Request) -> Page[ConnectionShown]:
        """The open connections of a proxy, the oldest first. For a udp proxy these are the users who sent something in
        the last 60 to 90 seconds, with the rates since their first datagram."""
        now = time.time()
        half = self._proxies.running(part(request))
        users = [] if half is None else half.datagram_users()
        return page(request, [*self._live(request), *users], lambda item: _shown(item, now))

    @route("DELETE", "/api/v2/proxies/{name}/connections/{id}", ClosedConnections)
    async def close(self, request: web.Request) -> ClosedConnections:
        """Close one connection of a proxy at once. 404 if it has ended. A user of a udp proxy gets no answers until the
        user sends something again."""
        name, wanted = part(request), part(request, 2)
        found = next((live for live in self._live(request) if str(live.id) == wanted), None)
        half = self._proxies.running(name)
        users = [] if half is None else half.datagram_users()
        user = next((user for user in users if address_text(user.address) == wanted), None)
        if found is not None:
            target = f"{name} {_address(found)}"
            await self._audited.run(request, "close", target, "", found.joined.abort)
        elif half is not None and user is not None:
            work = partial(half.forget_user, user.address)
            await self._audited.run(request, "close", f"{name} {wanted}", "", work)
        else:
            raise ApiError(404, "no such connection, or it is closed")
        return {"closed": 1}

    def _live(self, request: web.Request) -> list[LiveConnection]:
        name = part(request)
        traffic = self._proxies.traffic_of(name)
        if not traffic and self._statistics.proxy(name) is None:
            raise ApiError(404, "no proxy info found")
        return [live for one in traffic for live in one.live()]


def _shown(live: LiveConnection | DatagramUser, now: float) -> ConnectionShown:
    if isinstance(live, DatagramUser):
        return _user(live, now)
    joined = live.joined
    rate_in, rate_out = live.rates(now)
    return {
        "id": str(live.id),
        "userAddr": _address(live),
        "startAt": int(live.since),
        "bytesIn": joined.bytes_in,
        "bytesOut": joined.bytes_out,
        "rateIn": rate_in,
        "rateOut": rate_out,
    }


def _user(user: DatagramUser, now: float) -> ConnectionShown:
    address, seconds = address_text(user.address), max(now - user.since, 1.0)
    return {
        "id": address,
        "userAddr": address,
        "startAt": int(user.since),
        "bytesIn": user.bytes_in,
        "bytesOut": user.bytes_out,
        "rateIn": int(user.bytes_in / seconds),
        "rateOut": int(user.bytes_out / seconds),
    }


def _address(live: LiveConnection) -> str:
    return address_text(live.joined.source) if live.joined.source[0] else ""

"""The description of what frpc's API has beside frp's routes, as OpenAPI."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from aiohttp import web

from aiofrp.client.api.about import AboutApi
from aiofrp.client.api.check import CheckApi
from aiofrp.client.api.watch import ClientWatchApi
from aiofrp.webserver.openapi import Schema, document
from aiofrp.webserver.routes import route
from aiofrp.webserver.server import json_response


class ClientDescriptionApi:
    """The route of the description."""

    @route("GET", "/api/openapi.json", dict[str, Any], raw=True)
    def openapi(self, request: web.Request) -> web.Response:
        """This description."""
        return json_response(described())


_APIS: Final = (AboutApi, CheckApi, ClientWatchApi, ClientDescriptionApi)


@cache
def described() -> Schema:
    """The OpenAPI document."""
    properties = {"Code": {"type": "integer"}, "Msg": {"type": "string"}}
    error = {"type": "object", "properties": properties, "required": list(properties)}
    return document("frpc: additions to the admin API of frp", _APIS, lambda data: data, error)

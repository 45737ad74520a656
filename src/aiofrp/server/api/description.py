"""The description of what version 2 of frps's API has beside frp's routes, as OpenAPI."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from aiohttp import web

from aiofrp.server.api.connections import ConnectionsApi
from aiofrp.server.api.operations import OperationsApi
from aiofrp.server.api.watch import WatchApi
from aiofrp.webserver.openapi import Schema, document
from aiofrp.webserver.routes import route
from aiofrp.webserver.server import json_response


class DescriptionApi:
    """The route of the description."""

    @route("GET", "/api/v2/openapi.json", dict[str, Any], raw=True)
    def openapi(self, request: web.Request) -> web.Response:
        """This description."""
        return json_response(described())


_APIS: Final = (ConnectionsApi, OperationsApi, WatchApi, DescriptionApi)


@cache
def described() -> Schema:
    """The OpenAPI document."""
    error = _envelope({"type": "null"})
    return document("frps: additions to the API of frp", _APIS, _envelope, error)


def _envelope(data: Schema) -> Schema:
    """The schema of an answer with ``data``."""
    properties = {"code": {"type": "integer"}, "msg": {"type": "string"}, "data": data}
    return {"type": "object", "properties": properties, "required": list(properties)}

"""What frpc's pages show of the program: its login, its visitors, and the forms of the store."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal, Protocol, TypedDict

from aiohttp import web

from aiofrp.client.hints.facts import visitor_hint
from aiofrp.client.loginstate import LoginState
from aiofrp.client.proxies import ClientProxies
from aiofrp.client.sources.file import ConfigSource
from aiofrp.client.visitors import ClientVisitors
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.tools.forms import forms
from aiofrp.config.tools.language import LANGUAGES
from aiofrp.version import FRP_VERSION
from aiofrp.webserver.routes import Query, route


class FrpcInfo(TypedDict):
    """A frpc and its login."""

    version: Annotated[str, "The version of frp that it is compatible with."]
    serverAddr: Annotated[str, "Host of the server, as configured."]
    serverPort: Annotated[int, "Port of the server."]
    state: Annotated[Literal["connecting", "connected", "stopped"], "Whether it is logged in."]
    since: Annotated[int, "When this state began, in seconds since 1970."]
    error: Annotated[str, "Why the last login failed or the session ended; empty while it is connected."]
    hint: Annotated[str, "Cause of the error and the next step, if they are known."]
    store: Annotated[bool, "Whether proxies and visitors can be stored at run time."]
    configFile: Annotated[bool, "Whether there is a configuration file, to show and to reload."]


class FormSchemas(TypedDict):
    """JSON Schema of proxies and visitors, by type."""

    proxies: Annotated[
        dict[str, Any], "Of a proxy of each type. `x-group` is the group that a field stands with."
    ]
    visitors: Annotated[dict[str, Any], "Of a visitor of each type that has visitors."]


class VisitorStatus(TypedDict):
    """A visitor of a frpc."""

    name: Annotated[str, "Name of the visitor."]
    type: Annotated[str, "Its type."]
    serverName: Annotated[str, "The proxy that it visits."]
    bindAddr: Annotated[str, "Local address it listens on."]
    bindPort: Annotated[int, "Local port it listens on; negative if it listens on none."]
    state: Annotated[
        Literal["running", "start error", "waiting"], "Whether it serves users; it waits for a login."
    ]
    error: Annotated[str, "Why it could not be started, else empty."]
    hint: Annotated[str, "Cause of the error and the next step, if they are known."]
    source: Annotated[Literal["file", "store"], "Where it is defined."]


class VisitorList(TypedDict):
    """The visitors of a frpc."""

    visitors: Annotated[list[VisitorStatus], "By name."]


class Shown(Protocol):
    """A frpc, as these routes see it."""

    @property
    def config(self) -> ClientConfig:
        """What it runs by now."""

    @property
    def source(self) -> ConfigSource | None:
        """Where its configuration can be loaded again; ``None`` without a file."""

    @property
    def login(self) -> LoginState:
        """Whether it is logged in."""

    @property
    def proxies(self) -> ClientProxies:
        """Its proxies, with their states."""

    @property
    def visitors(self) -> ClientVisitors:
        """Its visitors."""


class AboutApi:
    """The routes about one frpc itself."""

    def __init__(self, client: Shown) -> None:
        self._client = client

    @route("GET", "/api/info", FrpcInfo)
    def info(self, request: web.Request) -> FrpcInfo:
        """The settings of this frpc, and whether it is logged in."""
        return info_of(self._client)

    @route(
        "GET",
        "/api/schema",
        FormSchemas,
        query=(Query("lang", f"Language of the texts: {', '.join(LANGUAGES)}; English by default."),),
    )
    async def schema(self, request: web.Request) -> dict[str, Any]:
        """The forms of the store: JSON Schema of each type of proxy and visitor, made from the models. Texts without a
        translation are in English."""
        wanted = request.query.get("lang", "")
        language = wanted if wanted in LANGUAGES else ""
        return {**await asyncio.to_thread(forms, language)}  # the first call loads every type and plugin

    @route("GET", "/api/visitors", VisitorList)
    def visitors(self, request: web.Request) -> VisitorList:
        """The visitors, with their states."""
        return {"visitors": visitor_list(self._client)}


def info_of(client: Shown) -> FrpcInfo:
    """``client`` as the API shows it."""
    login = client.login
    return {
        "version": FRP_VERSION,
        "serverAddr": client.config.server_addr,
        "serverPort": client.config.server_port,
        "state": login.state,
        "since": int(login.since),
        "error": login.error,
        "hint": login.hint,
        "store": client.source is not None and client.source.has_store,
        "configFile": client.source is not None,
    }


def visitor_list(client: Shown) -> list[VisitorStatus]:
    """The visitors of ``client`` by name, as the API shows them."""
    stored = {} if client.source is None else client.source.stored.visitors
    shown: list[VisitorStatus] = []
    for config in sorted(client.config.visitors, key=lambda config: config.name):
        entry = stored.get(config.name)
        error = client.visitors.errors.get(config.name, "")
        running = client.visitors.find(config.name) is not None
        shown.append(
            {
                "name": config.name,
                "type": config.type,
                "serverName": config.server_name,
                "bindAddr": config.bind_addr,
                "bindPort": config.bind_port,
                "state": "running" if running else "start error" if error else "waiting",
                "error": error,
                "hint": str(visitor_hint(error, config) or ""),
                "source": "store" if entry is not None and entry.enabled is not False else "file",
            }
        )
    return shown

"""What is wrong with the text of a configuration file, and what a reload of it would change: asked before it is
written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Literal, Protocol, TypedDict, TypeVar

from aiohttp import web

from aiofrp.client.reload import diff, restart_keys
from aiofrp.client.sources.file import ConfigSource
from aiofrp.client.sources.store import Kind
from aiofrp.config.golang.literals import from_bytes
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.problem import MAX_SHOWN, InvalidConfig, Problem, dotted
from aiofrp.errors import ConfigError
from aiofrp.webserver.routes import route
from aiofrp.webserver.server import ApiError

E = TypeVar("E", ProxyConfig, VisitorConfig)


class ConfigProblem(TypedDict):
    """One thing that is wrong with a configuration."""

    line: Annotated[int, "The line, 1 is the first; 0 where it is not known."]
    column: Annotated[int, "The column in the line, 1 is the first; 0 where it is not known."]
    key: Annotated[str, "The path of the value, such as `proxies[1].localPort`; may be empty."]
    message: Annotated[str, "What is wrong, in frp's words where it has some."]
    hint: Annotated[str, "What to write instead; may be empty."]
    file: Annotated[str, "The included file that has the problem; empty for the file itself."]


class ChangedEntry(TypedDict):
    """A proxy or visitor that a reload touches."""

    kind: Annotated[Literal["proxy", "visitor"], "Proxy or visitor."]
    name: Annotated[str, "Its name."]
    type: Annotated[str, "Its type; of a changed one the new type."]


class ConfigChanges(TypedDict):
    """What a reload would do."""

    added: Annotated[list[ChangedEntry], "Those that are started."]
    removed: Annotated[list[ChangedEntry], "Those that are stopped."]
    changed: Annotated[list[ChangedEntry], "Those that are stopped and started with other settings."]
    restart: Annotated[list[str], "Keys whose change waits for a restart of frpc."]


class ConfigCheck(TypedDict):
    """The outcome of a check."""

    problems: Annotated[
        list[ConfigProblem], "What is wrong; 100 at most. The file can be loaded where it is empty."
    ]
    warnings: Annotated[list[str], "What a reload would warn of."]
    changes: Annotated[ConfigChanges, "What a reload would change; empty lists where there are problems."]


class Checking(Protocol):
    """A frpc, as this route sees it."""

    @property
    def config(self) -> ClientConfig:
        """What it runs by now."""

    @property
    def source(self) -> ConfigSource | None:
        """Where its configuration can be loaded again; ``None`` without a file."""


class CheckApi:
    """The check of a configuration of one frpc."""

    def __init__(self, client: Checking) -> None:
        self._client = client

    @route("POST", "/api/config/check", ConfigCheck, body=str)
    async def check(self, request: web.Request) -> ConfigCheck:
        """Check a text as if it were the configuration file. Nothing is written and nothing changes. Included files are
        read."""
        source = self._client.source
        if source is None:
            raise ApiError(400, "invalid argument: frpc has no config file path")
        data = await request.read()
        return await asyncio.to_thread(checked, source, self._client.config, data)


def checked(source: ConfigSource, running: ClientConfig, data: bytes) -> ConfigCheck:
    """What loading ``data`` in place of the file of ``source`` would give and change of ``running``."""
    try:
        loaded = source.check(data)
    except InvalidConfig as error:
        return _refused(error.problems, error.warnings, source.path, data)
    except ConfigError as error:
        return _refused([Problem(str(error))], (), source.path, data)
    return {
        "problems": [],
        "warnings": list(loaded.warnings),
        "changes": changes(running, loaded.config),
    }


def changes(running: ClientConfig, loaded: ClientConfig) -> ConfigChanges:
    """What going over from ``running`` to ``loaded`` does to proxies and visitors, and what waits for a restart."""
    found: ConfigChanges = {"added": [], "removed": [], "changed": [], "restart": []}
    _compare("proxy", running.proxies, loaded.proxies, found)
    _compare("visitor", running.visitors, loaded.visitors, found)
    found["restart"] = list(restart_keys(running, loaded))
    return found


def _compare(kind: Kind, old: Iterable[E], new: Iterable[E], found: ConfigChanges) -> None:
    before = {entry.name: entry for entry in old}
    change = diff(before.values(), new)
    after = {entry.name for entry in change.add}
    for entry in change.add:
        into = found["changed"] if entry.name in before else found["added"]
        into.append({"kind": kind, "name": entry.name, "type": entry.type})
    for name in change.remove:
        if name not in after:
            found["removed"].append({"kind": kind, "name": name, "type": before[name].type})


def _refused(problems: Iterable[Problem], warnings: Iterable[str], path: str, data: bytes) -> ConfigCheck:
    lines = from_bytes(data).split("\n")
    return {
        "problems": [_shown_problem(problem, path, lines) for problem in list(problems)[:MAX_SHOWN]],
        "warnings": list(warnings),
        "changes": {"added": [], "removed": [], "changed": [], "restart": []},
    }


def _shown_problem(problem: Problem, path: str, lines: list[str]) -> ConfigProblem:
    elsewhere = problem.file not in ("", path)
    line = 0 if elsewhere else problem.line
    return {
        "line": problem.line,
        "column": _column(problem, lines[line - 1]) if 0 < line <= len(lines) else 0,
        "key": dotted(problem.path),
        "message": problem.message,
        "hint": problem.hint,
        "file": problem.file if elsewhere else "",
    }


def _column(problem: Problem, line: str) -> int:
    """Where the last key of the path stands in ``line``; the first sign that is no space where it does not."""
    keys = [part for part in problem.path if isinstance(part, str)]
    at = line.lower().find(keys[-1].lower()) if keys else -1
    return (at if at >= 0 else len(line) - len(line.lstrip())) + 1

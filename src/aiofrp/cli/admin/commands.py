"""``frpc reload``, ``status`` and ``stop``: they talk to the admin API of a running frpc
(docs/protocol/configuration.md §4.3)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiofrp.cli import streams
from aiofrp.cli.admin.api import AdminError, Api
from aiofrp.cli.admin.place import place_of
from aiofrp.cli.admin.tables import away, notes, tables
from aiofrp.config.flags.parse import Invocation
from aiofrp.errors import FrpError
from aiofrp.hints.entry import Hint

#: The exit code of ``status`` while frpc has no connection to its server.
AWAY = 2
#: Seconds between two calls of ``status --watch``.
_EVERY = 1.0
#: Clears a terminal and goes to its first line.
_CLEAR = "\x1b[H\x1b[2J"


def reload(invocation: Invocation) -> int:
    """``frpc reload``: let the running frpc read its file again. Returns the exit code."""
    query = "?strictConfig=true" if invocation.value("strict-config") else ""
    return _with_api(invocation, lambda api: _say(api.call("GET", "/api/reload" + query), "reload success"))


def stop(invocation: Invocation) -> int:
    """``frpc stop``: end the running frpc. Returns the exit code."""
    return _with_api(invocation, lambda api: _say(api.call("POST", "/api/stop"), "stop success"))


def status(invocation: Invocation) -> int:
    """``frpc status``: print tables of the running frpc's proxies. Returns the exit code."""
    show = _as_json if invocation.value("json") else _as_text
    if invocation.value("watch"):
        return _with_api(invocation, lambda api: _watch(api, show))
    return _with_api(invocation, lambda api: _show_once(api, show))


def _with_api(invocation: Invocation, use: Callable[[Api], int]) -> int:
    try:
        place = place_of(invocation.value("config"), strict=invocation.value("strict-config"))
        return use(Api(place, invocation.value("api-timeout")))
    except FrpError as error:
        error.hint = error.hint or _hint(error)
        print(error)
        return 1


def _hint(error: FrpError) -> Hint | None:
    """The hint about a running frpc that cannot be asked, or the file that says where it is."""
    from aiofrp.hints.catalogue import find  # here, as the rows are needed only then

    return find("command", error.text)


def _say(answer: bytes, text: str) -> int:
    print(text)
    return 0


# frpc status

Status = tuple[Mapping[str, Any], Mapping[str, Any]]
"""The answers of ``/api/status`` and ``/api/info``; the latter is empty where frpc has no such call."""

Show = Callable[[Status], tuple[str, str]]
"""The texts for standard output and standard error."""


def _show_once(api: Api, show: Show) -> int:
    seen = _status_of(api)
    text, error = show(seen)
    print(text, end="")
    if error:
        print(error, file=sys.stderr)
    return AWAY if away(seen[1], 0) else 0


def _watch(api: Api, show: Show) -> int:
    """Show the status, and again whenever it has changed, until the command is stopped."""
    terminal, before = sys.stdout.isatty(), ""
    while streams.lost() is None:
        try:
            text = "".join(f"{part.rstrip()}\n" for part in show(_status_of(api)) if part)
        except AdminError as error:
            text = f"{error}\n"
        if terminal or text != before:
            print(_CLEAR + text if terminal else text, end="", flush=True)
            before = text
        time.sleep(_EVERY)
    return 1


def _status_of(api: Api) -> Status:
    proxies = _object(api.call("GET", "/api/status"))
    try:
        return proxies, _object(api.call("GET", "/api/info"))
    except AdminError as error:
        if error.status:  # a frpc that does not have it
            return proxies, {}
        raise


def _as_text(status: Status) -> tuple[str, str]:
    proxies, info = status
    addresses = sys.stdout.isatty()  # programs want frp's text alone
    after = notes(proxies, addresses=addresses), away(info, time.time())
    return tables(proxies), "\n".join(filter(None, after))


def _as_json(status: Status) -> tuple[str, str]:
    proxies, info = status
    return json.dumps({"client": info or None, "proxies": proxies}, ensure_ascii=False) + "\n", ""


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        text = body.decode("utf-8", "replace").strip()
        raise AdminError(f"unmarshal http response error: {text}")
    return answer

"""frps.ini in the new format (docs/protocol/configuration.md §3.2)."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiofrp.config.legacy import keys
from aiofrp.config.legacy.common import LegacyResult, common_reader, fill_common
from aiofrp.config.legacy.ini import IniFile
from aiofrp.config.legacy.names import explain
from aiofrp.config.legacy.reader import LegacyWarning, SectionReader, Tree, put
from aiofrp.config.models import numberrange

_EXPLAIN: Final = partial(explain, "frps")


def convert_server(file: IniFile) -> LegacyResult:
    """The new format's tree of an frps.ini.

    Raises :class:`~aiofrp.errors.ConfigError`.
    """
    warnings: list[LegacyWarning] = []
    reader = common_reader(file, warnings)
    tree: Tree = {}
    fill_common(reader, tree)
    reader.fill(tree, keys.SERVER)
    _dashboard(reader, tree)
    _allow_ports(reader, tree)
    _authentication_timeout(reader, tree)
    plugins = _plugins(file, warnings)
    if plugins:
        tree["httpPlugins"] = plugins
    reader.warn_unread(_EXPLAIN)
    return LegacyResult(tree, tuple(warnings))


def _dashboard(reader: SectionReader, tree: Tree) -> None:
    web: Tree = tree.setdefault("webServer", {})
    web.setdefault("addr", "0.0.0.0")
    if web.get("port") and not web.get("user"):
        web["user"] = "admin"
        has_password = "password" in web
        web.setdefault("password", "admin")
        shown = "user admin" if has_password else "user admin, password admin"
        reader.warn("dashboard_user", f"is not set; the dashboard asks for {shown}")
    certificate, private_key = reader.text("dashboard_tls_cert_file"), reader.text("dashboard_tls_key_file")
    profiling = reader.flag("pprof_enable")
    if reader.flag("dashboard_tls_mode"):
        web["tls"] = {"certFile": certificate, "keyFile": private_key}
        web["pprofEnable"] = bool(profiling)
    elif profiling:
        reader.warn("pprof_enable", "has no effect unless dashboard_tls_mode is true")


def _allow_ports(reader: SectionReader, tree: Tree) -> None:
    text = reader.text("allow_ports")
    if not text:
        return
    try:
        items = numberrange.parse(text)
    except ValueError as error:
        reader.warn("allow_ports", f"{error}; all ports are allowed")
        return
    tree["allowPorts"] = [
        {"single": item.first} if item.last is None else {"start": item.first, "end": item.last}
        for item in items
    ]


def _authentication_timeout(reader: SectionReader, tree: Tree) -> None:
    """The greatest age of a login, in seconds; the reference has forgotten it, the documents have not."""
    seconds = reader.number("authentication_timeout") or 0
    if seconds > 0:
        put(tree, "auth.authenticationTimeout", seconds)


def _plugins(file: IniFile, warnings: list[LegacyWarning]) -> list[Tree]:
    """The server plugins, by name: in the reference they have no order."""
    found: dict[str, Tree] = {}
    for section in file:
        if not section.startswith("plugin."):
            continue
        reader = SectionReader(file, section, warnings)
        name = section.removeprefix("plugin.").strip()
        found[name] = {"name": name}
        reader.fill(found[name], keys.SERVER_PLUGIN)
        reader.warn_unread(_EXPLAIN, {"name"})
    return [found[name] for name in sorted(found)]

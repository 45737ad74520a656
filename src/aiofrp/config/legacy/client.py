"""frpc.ini in the new format (docs/protocol/configuration.md §3.3)."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiofrp import registry
from aiofrp.config.legacy import keys
from aiofrp.config.legacy.common import LegacyResult, common_reader, fill_common
from aiofrp.config.legacy.ini import DEFAULT, IniFile
from aiofrp.config.legacy.names import explain
from aiofrp.config.legacy.proxies import convert_proxy, convert_visitor
from aiofrp.config.legacy.ranges import expand_ranges
from aiofrp.config.legacy.reader import LegacyWarning, SectionReader, Tree, put
from aiofrp.errors import ConfigError

_EXPLAIN: Final = partial(explain, "frpc")

PROTOCOLS: Final = tuple(registry.TRANSPORTS)


def client_includes(file: IniFile) -> list[str]:
    """The patterns of the files to read with an frpc.ini, whose [common] is checked first, as the reference
    does.

    The reference checks the directory of each next, and fails with ``parse config error: include: directory of
    PATTERN not exist`` if there is none. Raises :class:`~aiofrp.errors.ConfigError`.
    """
    warnings: list[LegacyWarning] = []
    tree: Tree = {}
    reader = common_reader(file, warnings)
    fill_common(reader, tree)
    reader.fill(tree, keys.CLIENT)
    _check(tree)
    return list(tree.get("includes", ()))


def convert_client(file: IniFile, merged: IniFile | None = None) -> LegacyResult:
    """The new format's tree of an frpc.ini.

    ``merged`` is the file read together with the files it includes, their texts one after the other:
    proxies and visitors come from there, [common] does not. Raises :class:`~aiofrp.errors.ConfigError`.
    """
    warnings: list[LegacyWarning] = []
    reader = common_reader(file, warnings)
    tree: Tree = {}
    fill_common(reader, tree)
    reader.fill(tree, keys.CLIENT)
    _prefixed(reader, tree)
    _check(tree)
    reader.warn_unread(_EXPLAIN)
    _proxies_and_visitors(tree, merged or file, warnings)
    return LegacyResult(tree, tuple(warnings), tuple(_notices(tree)))


def _prefixed(reader: SectionReader, tree: Tree) -> None:
    for prefix, path in (
        ("meta_", "metadatas"),
        ("oidc_additional_", "auth.oidc.additionalEndpointParams"),
    ):
        found = reader.with_prefix(prefix)
        if found:
            put(tree, path, found)


def _check(tree: Tree) -> None:
    transport: Tree = tree.get("transport", {})
    interval, timeout = transport.get("heartbeatInterval", 0), transport.get("heartbeatTimeout", 0)
    if interval > 0 and 0 < timeout < interval:
        what = "invalid heartbeat_timeout, heartbeat_timeout is less than heartbeat_interval"
        raise ConfigError(f"parse config error: {what}", "transport.heartbeatTimeout")
    if transport.get("protocol", "tcp") not in PROTOCOLS:
        raise ConfigError("parse config error: invalid protocol", "transport.protocol")


def _notices(tree: Tree) -> list[str]:
    tls: Tree = tree.get("transport", {}).get("tls", {})
    if tls.get("enable", True):
        return []
    files = {"tls_cert_file": "certFile", "tls_key_file": "keyFile", "tls_trusted_ca_file": "trustedCaFile"}
    return [
        f"WARNING! {key} is invalid when tls_enable is false" for key, name in files.items() if name in tls
    ]


def _proxies_and_visitors(tree: Tree, file: IniFile, warnings: list[LegacyWarning]) -> None:
    """All sections but [common], by name; those ``start`` leaves out are not read."""
    file = expand_ranges(file)
    start = frozenset(tree.get("start", ()))
    proxies: dict[str, Tree] = {}
    visitors: dict[str, Tree] = {}
    for section in file:
        if section in (DEFAULT, "common") or section.startswith("range:") or (start and section not in start):
            continue
        reader = SectionReader(file, section, warnings)
        role = reader.text("role") or "server"
        if role == "server":
            proxies[section] = convert_proxy(reader)
        elif role == "visitor":
            visitors[section] = convert_visitor(reader)
        else:
            raise ConfigError(f"proxy {section} role should be 'server' or 'visitor'")
        reader.warn_unread(_EXPLAIN, {"name"})
    tree["proxies"] = [proxies[name] for name in sorted(proxies)]
    tree["visitors"] = [visitors[name] for name in sorted(visitors)]

"""Where the admin API of a frpc is, read from its file.

Only the table ``webServer`` matters. It is taken from the parsed file where it is plainly right; the models of the
configuration take longer to load than a command may take, and are asked only where something is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiofrp.config.formats.document import parse
from aiofrp.config.golang.literals import from_bytes
from aiofrp.config.models.types import Secret
from aiofrp.errors import ConfigError

#: Bytes of a file that is read the quick way.
_MOST = 1024 * 1024
#: The keys of ``webServer`` that are used here, each with its type; the others are passed over.
_TYPES: Mapping[str, type] = {"addr": str, "port": int, "user": str, "password": str, "tls": dict}
_NO_PASSWORD = Secret()
_OTHERS = frozenset({"assetsdir", "pprofenable"})


@dataclass(frozen=True, slots=True)
class ApiPlace:
    """Where an admin API is and what it asks for."""

    addr: str
    port: int
    user: str = ""
    password: Secret = _NO_PASSWORD
    secured: bool = False  #: it speaks TLS
    cert_file: str = ""  #: the only certificate it may show then


def place_of(path: str, *, strict: bool) -> ApiPlace:
    """The admin API of the frpc that runs with a file. Raises :class:`~aiofrp.errors.ConfigError`."""
    place = _quick(path) or _by_models(path, strict=strict)
    if place.port <= 0:
        raise ConfigError("web server port should be set if you want to use this feature")
    return place


def _quick(path: str) -> ApiPlace | None:
    """The place, or ``None`` where the file is better read by the models."""
    try:
        with open(path, "rb") as file:
            raw = file.read(_MOST + 1)
        if len(raw) > _MOST or b"{{" in raw or b"[common]" in raw:  # templates, or an INI file
            return None
        tree = parse(from_bytes(raw.removeprefix(b"\xef\xbb\xbf")), os.path.splitext(path)[1]).tree
    except (OSError, ValueError, ConfigError):
        return None
    return _from_tree(tree)


def _from_tree(tree: Any) -> ApiPlace | None:
    tables = [value for key, value in tree.items() if key.lower() == "webserver"] if _is_table(tree) else []
    if len(tables) != 1 or not _is_table(tables[0]):
        return None
    web = {key.lower(): value for key, value in tables[0].items()}
    tls = web.get("tls", {})
    if len(web) != len(tables[0]) or not web.keys() <= {*_TYPES, *_OTHERS} or not _is_table(tls):
        return None
    if any(type(web[key]) is not wanted for key, wanted in _TYPES.items() if key in web) or "port" not in web:
        return None
    cert_file = next((value for key, value in tls.items() if key.lower() == "certfile"), "")
    if not isinstance(cert_file, str) or not 0 < web["port"] < 65536:
        return None
    return ApiPlace(
        web.get("addr") or "127.0.0.1",
        web["port"],
        web.get("user", ""),
        Secret(web.get("password", "")),
        "tls" in web,
        cert_file,
    )


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _by_models(path: str, *, strict: bool) -> ApiPlace:
    """The same as the models read it. Proxies are left out: what is asked for does not depend on them."""
    from msgspec.structs import replace

    from aiofrp.config.load.decode import decode_client
    from aiofrp.config.load.files import decoded, open_source, read

    source = open_source(path, read(path), os.environ, program="frpc", strict=strict)
    if isinstance(source.tree, dict):
        tree = {
            key: value for key, value in source.tree.items() if key.lower() not in ("proxies", "visitors")
        }
        source = replace(source, tree=tree)
    web = decoded(source, decode_client).web_server
    secured, cert_file = web.tls is not None, web.tls.cert_file if web.tls else ""
    return ApiPlace(web.addr, web.port, web.user, web.password, secured, cert_file)

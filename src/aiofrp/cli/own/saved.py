"""What ``aiofrp`` keeps for one user: the server to share at, and the token of ``aiofrp serve``.

The server is kept as a configuration file of frpc, so every setting that frpc has may be added to it.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiofrp.config.tools.tomlwriter import string_text
from aiofrp.errors import ConfigError

#: Random bytes of a token that is made.
_TOKEN_BYTES = 24
_SERVER = "server.toml"
_TOKEN = "serve.token"
_HEAD = """\
# The server that `aiofrp share` uses, written by `aiofrp login`.
# All settings of frpc's configuration file may stand here.
"""


def folder(environ: Mapping[str, str] | None = None) -> str:
    """The folder of the user's files: ``aiofrp`` below ``$XDG_CONFIG_HOME``, ``%APPDATA%`` or ``~/.config``."""
    environ = os.environ if environ is None else environ
    above = environ.get("XDG_CONFIG_HOME", "")
    if sys.platform == "win32":
        above = above or environ.get("APPDATA", "")
    return os.path.join(above or os.path.expanduser("~/.config"), "aiofrp")


def server_path() -> str:
    """The file with the saved server."""
    return os.path.join(folder(), _SERVER)


def save_server(host: str, port: int, token: str) -> str:
    """Keep a server and its token; returns the file's path. Raises :class:`~aiofrp.errors.ConfigError`."""
    lines = [f"serverAddr = {string_text(host)}", f"serverPort = {port}"]
    if token:
        lines.append(f"auth.token = {string_text(token)}")
    write_private(server_path(), _HEAD + "\n".join(lines) + "\n")
    return server_path()


def saved_server() -> dict[str, Any] | None:
    """The saved server's settings, by the keys of frpc's file; ``None`` if none is saved.

    Raises :class:`~aiofrp.errors.ConfigError` for a file that cannot be read.
    """
    from aiofrp.config.load.files import NoSuchFile, open_source, read

    path = server_path()
    try:
        tree = open_source(path, read(path), os.environ, program="frpc").tree
    except NoSuchFile:
        return None
    if not isinstance(tree, dict) or not tree.get("serverAddr"):
        raise ConfigError(f"{path} names no serverAddr; `aiofrp login HOST` writes it anew")
    return tree


def serve_token() -> str:
    """The token that ``aiofrp serve`` uses unless it is given one; made at the first call and kept."""
    path = os.path.join(folder(), _TOKEN)
    with suppress(OSError), open(path, encoding="utf-8") as file:
        if kept := file.read().strip():
            return kept
    token = new_token()
    write_private(path, token + "\n")
    return token


def new_token() -> str:
    """A random token that nobody can guess."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def write_private(path: str, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; makes its folder, too.

    Raises :class:`~aiofrp.errors.ConfigError`.
    """
    from aiofrp.client.sources.replace import replace_file

    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None
    try:
        replace_file(path, text.encode(), 0o600)
    except ConfigError as error:
        raise ConfigError(f"cannot write {path}: {error}") from None

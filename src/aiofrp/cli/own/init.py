"""``aiofrp init``: a first configuration file for either program, with what to do next."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from typing import Any

from aiofrp.cli.own.saved import new_token, write_private
from aiofrp.cli.own.share import SERVER_PORT, server_address
from aiofrp.config.flags.ownkinds import FlagValueError, read_port, shown
from aiofrp.config.flags.parse import Command, Flag, Invocation
from aiofrp.config.models.model import Model
from aiofrp.errors import ConfigError

_OUTPUT = Flag("output", "text", "the file to write", short="o", default="")
_FORCE = Flag("force", "switch", "replace a file that exists", default=False)

COMMAND = Command(
    "init",
    "Write a first configuration file",
    wordless=True,
    long="Write a configuration file that works, with a comment at each key. On a terminal, the command asks for\n"
    "values that no flag gives.",
    commands=(
        Command(
            "server",
            "Write frps.toml with a random token",
            run="aiofrp.cli.own.init:server",
            wordless=True,
            flags=(
                Flag("port", "port", "port for clients", default=SERVER_PORT),
                Flag("token", "string", "auth.token; if not given, a random one", default=""),
                Flag("http", "port-or-none", "port for web sites by domain; 0 is none", default=0),
                Flag("https", "port-or-none", "port for HTTPS by domain; 0 is none", default=0),
                Flag("domain", "domain", "domain whose subdomains clients may use", default=""),
                _OUTPUT,
                _FORCE,
            ),
        ),
        Command(
            "client",
            "Write frpc.toml with one proxy",
            run="aiofrp.cli.own.init:client",
            wordless=True,
            flags=(
                Flag("server", "text", "the server, HOST or HOST:PORT", default=""),
                Flag("token", "string", "auth.token of the server", default=""),
                Flag("name", "text", "name of the proxy", default="web"),
                Flag("local-port", "port", "port of the service on this machine", default=0),
                Flag("remote-port", "port-or-any", "port on the server; 0 is any free one", default=0),
                Flag(
                    "domain", "domains", "domain of a web site instead of a port; can be repeated", default=()
                ),
                _OUTPUT,
                _FORCE,
            ),
        ),
    ),
)


def server(invocation: Invocation) -> int:
    """``aiofrp init server``: write the file and say what to do. Returns the exit code; raises
    :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.library.options import server_config

    port, token = invocation.value("port"), invocation.value("token") or new_token()
    tree = {
        "bindPort": port,
        "vhostHTTPPort": invocation.value("http"),
        "vhostHTTPSPort": invocation.value("https"),
        "subDomainHost": invocation.value("domain"),
        "auth": {"token": token},
    }
    tree = {key: value for key, value in tree.items() if value}
    path = _write(invocation, "frps.toml", server_config(tree, {}), tree)
    print(
        f"{path} is written. Start the server here:\n\n    frps -c {path}\n\n"
        f"On the machine with the service, where HOST is the name or address of this machine:\n\n"
        f"    aiofrp init client --server HOST:{port} --token {shlex.quote(token)}\n"
    )
    return 0


def client(invocation: Invocation) -> int:
    """``aiofrp init client``: write the file and say what to do. Returns the exit code; raises
    :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.library.options import client_config

    host, port = server_address(_given(invocation, "server", "Server (HOST or HOST:PORT)", str), "--server")
    token = _given(invocation, "token", "auth.token of the server", str, needed=False)
    proxy: dict[str, Any] = {
        "name": invocation.value("name"),
        "type": "http" if invocation.value("domain") else "tcp",
        "localIP": "127.0.0.1",
        "localPort": _given(invocation, "local-port", "Port of the service on this machine", read_port),
    }
    if domains := invocation.value("domain"):
        if invocation.value("remote-port"):
            raise ConfigError(
                "--remote-port and --domain exclude each other: a domain needs no port of its own"
            )
        proxy["customDomains"] = list(domains)
    else:
        proxy["remotePort"] = invocation.value("remote-port")
    tree = {
        "serverAddr": host,
        "serverPort": port,
        "auth": {"token": token} if token else {},
        "proxies": [proxy],
    }
    path = _write(invocation, "frpc.toml", client_config(tree, {}), tree)
    print(f"{path} is written. Start the client here:\n\n    frpc -c {path}\n")
    return 0


def _given(
    invocation: Invocation, flag: str, question: str, read: Callable[[str], Any], *, needed: bool = True
) -> Any:
    """The value of a flag, or what the user answers. Raises :class:`~aiofrp.errors.ConfigError`."""
    if value := invocation.value(flag):
        return value
    if sys.stdin.isatty():
        answer = input(f"{question}: ").strip()
        if answer or not needed:
            return _read(answer, read)
    elif not needed:
        return ""
    raise ConfigError(f"--{flag} is needed: {question}")


def _read(answer: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(answer)
    except FlagValueError as error:
        raise ConfigError(f"{shown(answer)} {error}") from None


def _write(invocation: Invocation, name: str, config: Model, tree: dict[str, Any]) -> str:
    """Write the file, readable by its owner alone, as it holds the token; returns its path."""
    from aiofrp.config.tools.tomlwriter import Writer

    path: str = invocation.value("output") or name
    if os.path.isdir(path):
        raise ConfigError(f"{path} is a folder; --output names a file")
    if os.path.exists(path) and not invocation.value("force"):
        raise ConfigError(f"{path} exists; --force replaces it, and --output names another file")
    write_private(path, Writer().write(config, tree))
    return path

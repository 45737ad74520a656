"""``aiofrp config``: commands that work with configuration files."""

from __future__ import annotations

import json
import os
import re

from aiofrp.cli.own.words import only_word
from aiofrp.config.flags.ownkinds import shown
from aiofrp.config.flags.parse import Invocation, UsageError
from aiofrp.config.load.valuesource import TOKEN_SOURCE_EXEC

_CLIENT_KEYS = re.compile(
    r"^[\s\"\[]*(?:server_?addr|server_?port|admin_\w+|login_?fail_?exit|tls_enable|pool_count|proxies|visitors"
    r"|local_?port|user|start|includes)\b",
    re.IGNORECASE | re.MULTILINE,
)
_SERVER_KEYS = re.compile(
    r"^[\s\"\[]*(?:bind_?port|vhost_?http\w*|dashboard_\w+|sub_?domain_?host|allow_?ports|kcp_?bind_?port"
    r"|quic_?bind_?port|tls_only|max_pool_count|http_?plugins)\b",
    re.IGNORECASE | re.MULTILINE,
)
_PROGRAMS = ("frps", "frpc")


def reference(invocation: Invocation) -> int:
    """``config reference``: print every key of the files as a Markdown page. Returns the exit code."""
    from aiofrp.config.tools.reference import reference

    print(reference().rstrip("\n"))
    return 0


def schema(invocation: Invocation) -> int:
    """``config schema``: print the JSON Schema of the files of one program. Returns the exit code."""
    from aiofrp.config.tools.schema import schema

    match only_word(invocation, "server or client", default="client"):
        case "server" | "client" as program:
            print(json.dumps(schema(program), indent=2, ensure_ascii=False))
        case other:
            raise UsageError(f"there is a schema for server and for client, not for {other}", invocation.path)
    return 0


def convert(invocation: Invocation) -> int:
    """``config convert``: print a file as commented TOML. Returns the exit code; raises
    :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.config.load.files import read
    from aiofrp.config.tools.convert import convert

    path = only_word(invocation, "FILE")
    raw = read(path)
    lenient = invocation.value("lenient")
    print(convert(path, _program(invocation, path, raw), raw, strict=not lenient).rstrip("\n"))
    return 0


def show(invocation: Invocation) -> int:
    """``config show``: print a completed configuration with its secrets masked. Returns the exit code; raises
    :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.config.load.files import load_client, load_server, read
    from aiofrp.config.tools.show import masked_tree, show

    path = only_word(invocation, "FILE")
    load = load_server if _program(invocation, path, read(path)) == "frps" else load_client
    config = load(path, strict=not invocation.value("lenient"), allow_unsafe=(TOKEN_SOURCE_EXEC,)).config
    as_json = invocation.value("json")
    text = json.dumps(masked_tree(config), indent=2, ensure_ascii=False) if as_json else show(config)
    print(text.rstrip("\n"))
    return 0


def _program(invocation: Invocation, path: str, raw: bytes) -> str:
    program: str = invocation.value("program")
    if program and program not in _PROGRAMS:
        raise UsageError(f"--program is one of {', '.join(_PROGRAMS)}, not {shown(program)}", invocation.path)
    return program or guess_program(path, raw)


def guess_program(path: str, raw: bytes) -> str:
    """Whose configuration a file is, ``frps`` or ``frpc``, from its keys, else from its name."""
    text = raw.decode("utf-8", "replace")
    client, server = len(_CLIENT_KEYS.findall(text)), len(_SERVER_KEYS.findall(text))
    if client != server:
        return "frpc" if client > server else "frps"
    name = os.path.basename(path).lower()
    return "frps" if "frps" in name or "server" in name else "frpc"

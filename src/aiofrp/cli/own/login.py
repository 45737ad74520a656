"""``aiofrp login``: the server that ``aiofrp share`` uses from now on."""

from __future__ import annotations

import getpass
import os
import sys

from aiofrp.cli.own.saved import save_server
from aiofrp.cli.own.share import server_address
from aiofrp.cli.own.words import in_flags, only_word
from aiofrp.config.flags.parse import Command, Flag, Invocation
from aiofrp.errors import FrpError
from aiofrp.wire.addresses import join_host_port

COMMAND = Command(
    "login",
    "Try to log in to a server, and save it for `aiofrp share`",
    run="aiofrp.cli.own.login:login",
    use=" HOST[:PORT] [flags]",
    flags=(
        Flag(
            "token", "string", "auth.token of the server; if not given, the command asks for it", default=""
        ),
    ),
    long="Try to log in to a server. Save its address and token for `aiofrp share`, in a file that only you can read.",
)

#: What the keys of frpc's file are here.
_FLAGS = {"serverAddr": "HOST", "serverPort": "the port of HOST:PORT", "auth.token": "--token"}
#: Seconds that the server has to answer.
_TIMEOUT = 10.0


def login(invocation: Invocation) -> int:
    """Run the command. Returns the exit code; raises :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.cli.run import run

    host, port = server_address(only_word(invocation, "HOST"), "HOST")
    token = invocation.value("token") or os.environ.get("AIOFRP_TOKEN", "") or _asked()
    code = run(_tried(host, port, token))
    if code == 0:
        path = save_server(host, port, token)
        print(f"{join_host_port(host, port)} is saved in {path}. Now: aiofrp share 8000")
    return code


def _asked() -> str:
    """The token that the user types; empty where nobody can be asked."""
    return getpass.getpass("auth.token of the server: ") if sys.stdin.isatty() else ""


async def _tried(host: str, port: int, token: str) -> int:
    """Log in once; returns the exit code."""
    import asyncio

    from aiofrp.library.client import Client

    try:
        async with asyncio.timeout(_TIMEOUT):
            async with Client(server_addr=host, server_port=port, auth={"token": token}):
                return 0
    except TimeoutError:
        print(f"{host}:{port} did not answer within {_TIMEOUT:g} s", file=sys.stderr)
    except FrpError as error:
        print(in_flags(error, _FLAGS), file=sys.stderr)
    return 1

"""``aiofrp share``: one service of this machine made public by one line, without a file."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from aiofrp import logs
from aiofrp.cli import signals
from aiofrp.cli.own.saved import saved_server
from aiofrp.cli.own.target import HELP, service, web_password
from aiofrp.cli.own.words import only_word
from aiofrp.config.flags.parse import Command, Flag, Invocation
from aiofrp.errors import ConfigError, FrpError

if TYPE_CHECKING:
    from aiofrp.library.tunnel import Tunnel

#: Port of frps that is meant where none is given.
SERVER_PORT = 7000

COMMAND = Command(
    "share",
    "Make one service public without a file",
    run="aiofrp.cli.own.share:share",
    use=" TARGET [flags]",
    flags=(
        Flag("server", "string", "the frps to use, HOST or HOST:PORT", default=""),
        Flag("token", "string", "its auth.token", default=""),
        Flag("port", "int", "port on the server, any free one if not given", default=0),
        Flag("domain", "strings", "a domain instead of a port, repeatable", default=()),
        Flag("subdomain", "string", "a name below the server's subDomainHost", default=""),
        Flag("udp", "bool", "the port is one of UDP", default=False),
        Flag(
            "secret",
            "string",
            "no public port: only visitors that know this key reach the service",
            default="",
        ),
        Flag(
            "password",
            "string",
            "USER:PASSWORD that visitors of a folder or web service are asked for",
            default="",
        ),
        Flag("cert", "string", "file of the certificate for https:, self-signed if not given", default=""),
        Flag("key", "string", "file of its key", default=""),
        Flag("qr", "bool", "show the address as a QR code, too", default=False),
        Flag("verbose", "bool", "show the log on standard error", short="v", default=False),
    ),
    long=f"""Make one service public until the command is stopped, and print its address.

{HELP}

The server and its token come from the flags, from AIOFRP_SERVER and AIOFRP_TOKEN,
or from `aiofrp login`.""",
)


def share(invocation: Invocation) -> int:
    """Run the command until a signal; prints the public address. Returns the exit code.

    Raises :class:`~aiofrp.errors.ConfigError` for arguments that cannot be.
    """
    options = _options(only_word(invocation, "TARGET"), invocation)
    from aiofrp.cli.run import run, set_up_logs

    verbose = invocation.value("verbose")
    if verbose:
        from aiofrp.config.models.shared import LogConfig

        set_up_logs(LogConfig())
    else:
        logs.silence()  # what fails at the start is printed as the error of the command
    return run(_serve(options, qr=invocation.value("qr"), warnings=not verbose))


async def _serve(options: dict[str, Any], *, qr: bool, warnings: bool) -> int:
    from aiofrp.cli.own.live import Live
    from aiofrp.library.exposure import expose

    task = asyncio.current_task()
    assert task is not None
    signals.on_termination(task.cancel)
    try:
        async with expose(**options) as tunnel:
            if warnings:
                logs.setup(logging.StreamHandler(), "warn")
            live = Live(tunnel, _shown(tunnel, options), qr=qr)
            try:
                await tunnel.wait()
            finally:
                live.end()
    except asyncio.CancelledError:
        task.uncancel()
    except FrpError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _shown(tunnel: Tunnel, options: dict[str, Any]) -> list[str]:
    """What users do or type to reach the service, a line each."""
    if options["type"] == "stcp":
        server = f"--server-addr {tunnel.server[0]} --server-port {tunnel.server[1]}"
        return [
            f"frpc stcp visitor -n visitor {server} --token TOKEN --server-name {tunnel.name} "
            f"--sk {shlex.quote(options['proxy']['secretKey'])} --bind-port 9000"
        ]
    scheme = {"static_file": "http", "https2http": "https"}.get(options.get("plugin", ""), "")
    if callable(options.get("target")):
        scheme = "http"
    return [
        address if "://" in address or not scheme else f"{scheme}://{address}/"
        for address in tunnel.addresses
    ]


def _options(target: str, invocation: Invocation) -> dict[str, Any]:
    """The arguments of :func:`aiofrp.expose`. Raises :class:`~aiofrp.errors.ConfigError`."""
    options = {**_server(invocation), **service(target, invocation), "type": "tcp", "proxy": {}}
    domains, subdomain = invocation.value("domain"), invocation.value("subdomain")
    if domains or subdomain:
        https = options.get("plugin") == "https2http"
        options |= {"type": "https" if https else "http", "custom_domains": domains, "subdomain": subdomain}
        if options.get("plugin") != "static_file":
            options["proxy"] = web_password(invocation)
    elif secret := invocation.value("secret"):
        options |= {"type": "stcp", "proxy": {"secretKey": secret}}
    elif invocation.value("udp"):
        options["type"] = "udp"
    return options | {"remote_port": invocation.value("port")}


def _server(invocation: Invocation) -> dict[str, Any]:
    """The server to use, as arguments of :func:`aiofrp.expose`."""
    token = invocation.value("token") or os.environ.get("AIOFRP_TOKEN", "")
    server = invocation.value("server") or os.environ.get("AIOFRP_SERVER", "")
    if server:
        return {"server": with_port(server), "token": token}
    saved = saved_server()
    if saved is None:
        raise ConfigError(
            "which server? Give --server HOST:PORT, set AIOFRP_SERVER, or save one with `aiofrp login HOST`"
        )
    where = f"{saved['serverAddr']}:{saved.get('serverPort', SERVER_PORT)}"
    return {"server": where, "token": token, "client": saved}


def with_port(server: str) -> str:
    """``HOST`` or ``HOST:PORT`` as ``HOST:PORT``, with frps' usual port where there is none."""
    bare = server.startswith("[") and server.endswith("]")
    return f"{server}:{SERVER_PORT}" if bare or ":" not in server else server

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
from aiofrp.cli.own.words import in_flags, only_word
from aiofrp.config.flags.ownkinds import MAX_NAME, shown
from aiofrp.config.flags.parse import Command, Flag, Invocation
from aiofrp.errors import ConfigError, FrpError
from aiofrp.wire.addresses import join_host_port

if TYPE_CHECKING:
    from aiofrp.library.tunnel import Tunnel

#: Port of frps that is meant where none is given.
SERVER_PORT = 7000

#: What the keys of frpc's file are here.
_FLAGS = {
    "serverAddr": "--server",
    "serverPort": "the port of --server",
    "auth.token": "--token",
    "remotePort": "--port",
    "customDomains": "--domain",
    "subdomain": "--subdomain",
    "crtPath": "--cert",
    "keyPath": "--key",
}

COMMAND = Command(
    "share",
    "Make one service public without a file",
    run="aiofrp.cli.own.share:share",
    use=" TARGET [flags]",
    flags=(
        Flag("server", "text", "the server, HOST or HOST:PORT", default=""),
        Flag("token", "string", "auth.token of the server", default=""),
        Flag("port", "port-or-any", "port on the server; if not given, any free one", default=0),
        Flag("domain", "domains", "a domain instead of a port; can be repeated", default=()),
        Flag("subdomain", "text", "a name below the server's subDomainHost", default=""),
        Flag("udp", "switch", "the service uses UDP", default=False),
        Flag(
            "secret",
            "text",
            "no public port: only visitors with this key can use the service",
            default="",
        ),
        Flag(
            "password",
            "text",
            "USER:PASSWORD that protects a folder or a web service",
            default="",
        ),
        Flag("cert", "text", "certificate for https:PORT; self-signed if not given", default=""),
        Flag("key", "text", "key of the certificate", default=""),
        Flag("qr", "switch", "also show the address as a QR code", default=False),
        Flag("verbose", "switch", "show the log on standard error", short="v", default=False),
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
        print(in_flags(error, _FLAGS), file=sys.stderr)
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
    for name, server in (
        ("--server", invocation.value("server")),
        ("AIOFRP_SERVER", os.environ.get("AIOFRP_SERVER", "")),
    ):
        if server:
            return {"server": join_host_port(*server_address(server, name)), "token": token}
    saved = saved_server()
    if saved is None:
        raise ConfigError(
            "which server? Give --server HOST:PORT, set AIOFRP_SERVER, or save one with `aiofrp login HOST`"
        )
    where = join_host_port(saved["serverAddr"], saved.get("serverPort", SERVER_PORT))
    return {"server": where, "token": token, "client": saved}


def server_address(text: str, what: str) -> tuple[str, int]:
    """Host and port of ``HOST`` or ``HOST:PORT``; ``what`` names where it was given in the
    :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.library.tunnel import host_port

    wrong = ConfigError(
        f"{what} {shown(text)} is no address of a server. Give HOST or HOST:PORT with a port from 1 to 65535, "
        "such as frps.example.com, frps.example.com:7000 or [2001:db8::1]:7000"
    )
    try:
        host, port = host_port(with_port(text), what)
    except ConfigError:
        raise wrong from None
    if host.isdigit() or len(host) > MAX_NAME:  # a number alone is a port without its host
        raise wrong
    return host, port


def with_port(server: str) -> str:
    """``HOST`` or ``HOST:PORT`` as ``HOST:PORT``, with frps' usual port where there is none."""
    bare = server.startswith("[") and server.endswith("]")
    return f"{server}:{SERVER_PORT}" if bare or ":" not in server else server

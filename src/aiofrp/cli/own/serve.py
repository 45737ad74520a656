"""``aiofrp serve``: a frps without a file, and the line to type on the other machine."""

from __future__ import annotations

import ipaddress
import shlex
import socket
from functools import partial
from typing import Any

from aiofrp.cli.own.saved import serve_token
from aiofrp.cli.own.share import SERVER_PORT
from aiofrp.cli.own.words import in_flags
from aiofrp.config.flags.ownkinds import shown
from aiofrp.config.flags.parse import Command, Flag, Invocation
from aiofrp.errors import ConfigError

#: What the keys of frps's file are here.
_FLAGS = {
    "bindPort": "--port",
    "vhostHTTPPort": "--http",
    "vhostHTTPSPort": "--https",
    "subDomainHost": "--domain",
    "auth.token": "--token",
}

COMMAND = Command(
    "serve",
    "Run frps without a file",
    run="aiofrp.cli.own.serve:serve",
    flags=(
        Flag("port", "port", "port for clients", default=SERVER_PORT),
        Flag("token", "string", "auth.token; if not given, a random one that is saved", default=""),
        Flag("http", "port-or-none", "port for web sites by domain (vhostHTTPPort); 0 is none", default=0),
        Flag("https", "port-or-none", "port for HTTPS by domain (vhostHTTPSPort); 0 is none", default=0),
        Flag("domain", "domain", "domain whose subdomains clients may use (subDomainHost)", default=""),
    ),
    long="Run frps until the command is stopped, with a random token, and print what to type on the other machine.",
)


def serve(invocation: Invocation) -> int:
    """Run the command until a signal. Returns the exit code; raises :class:`~aiofrp.errors.ConfigError`."""
    if invocation.words:
        raise ConfigError(f"aiofrp serve takes no {shown(invocation.words[0])}; ports are given by flags")
    from aiofrp.cli.run import set_up_logs
    from aiofrp.cli.server import run_server
    from aiofrp.library.options import server_config

    token = invocation.value("token") or serve_token()
    config = server_config(_settings(invocation, token), {})
    set_up_logs(config.log)
    print(instructions(invocation.value("port"), token), flush=True)
    return run_server(config, wording=partial(in_flags, flags=_FLAGS))


def _settings(invocation: Invocation, token: str) -> dict[str, Any]:
    """The configuration, by the keys of frps' file."""
    return {
        "bindPort": invocation.value("port"),
        "auth": {"token": token},
        "vhostHTTPPort": invocation.value("http"),
        "vhostHTTPSPort": invocation.value("https"),
        "subDomainHost": invocation.value("domain"),
    }


def instructions(port: int, token: str) -> str:
    """What to type on the machine with the service."""
    host = public_address()
    hint = "" if host else "HOST is the public name or address of this machine.\n"
    return (
        f"On the machine with the service:\n\n"
        f"    aiofrp login {host or 'HOST'}:{port} --token {shlex.quote(token)}\n"
        f"    aiofrp share 8000\n\n{hint}"
    )


def public_address() -> str:
    """The address that this machine sends from, if the whole internet can reach it; else nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the kernel only chooses the address (RFC 5737)
        except OSError:
            return ""
        address = str(probe.getsockname()[0])
    return address if ipaddress.ip_address(address).is_global else ""

"""``aiofrp share``: one service of this machine made public by one line, without a file."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any

from aiofrp.cli import signals
from aiofrp.cli.run import run, set_up_logs
from aiofrp.config.models.shared import LogConfig
from aiofrp.errors import ConfigError, FrpError

HELP = """\
TARGET is what becomes public:
  8000, host:8000   a port of this machine or of another one
  ./folder          the files of a folder, read only (plugin static_file)
  unix:/run/x.sock  a service on a Unix domain socket (plugin unix_domain_socket)
  https:8000        a web service that gets HTTPS in front (plugin https2http)

The server and its token come from the flags, or from AIOFRP_SERVER and AIOFRP_TOKEN."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("--server", metavar="HOST:PORT", help="the frps to use")
    parser.add_argument("--token", help="its auth.token")
    parser.add_argument("--port", type=int, default=0, help="port on the server; any free one if not given")
    parser.add_argument(
        "--domain", action="append", default=[], help="a domain instead of a port; repeatable"
    )
    parser.add_argument("--subdomain", default="", help="a name below the server's subDomainHost")
    parser.add_argument("--password", metavar="USER:PASSWORD", help="ask visitors of a folder for it")
    parser.add_argument(
        "--cert", metavar="FILE", help="certificate for https:, with --key; self-signed if not given"
    )
    parser.add_argument("--key", metavar="FILE", help="its key")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the log on standard error")


def share(arguments: argparse.Namespace) -> int:
    """Run the command until a signal; prints the public address. Returns the exit code.

    Raises :class:`~aiofrp.errors.ConfigError` for arguments that cannot be.
    """
    options = _options(arguments)
    if arguments.verbose:
        set_up_logs(LogConfig())
    return run(_serve(options))


async def _serve(options: dict[str, Any]) -> int:
    from aiofrp.library.tunnel import expose

    task = asyncio.current_task()
    assert task is not None
    signals.on_termination(task.cancel)
    try:
        async with expose(**options) as tunnel:
            for address in tunnel.addresses:
                print(_shown(address, options), flush=True)
            await tunnel.wait()
    except asyncio.CancelledError:
        task.uncancel()
    except FrpError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _shown(address: str, options: dict[str, Any]) -> str:
    scheme = {"static_file": "http", "https2http": "https"}.get(options.get("plugin", ""), "")
    return address if "://" in address or not scheme else f"{scheme}://{address}/"


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of :func:`aiofrp.expose`. Raises :class:`~aiofrp.errors.ConfigError`."""
    server = arguments.server or os.environ.get("AIOFRP_SERVER", "")
    if not server:
        raise ConfigError("which server? Give --server HOST:PORT, or set AIOFRP_SERVER")
    service = _service(arguments)
    options: dict[str, Any] = {
        "server": server,
        "token": arguments.token or os.environ.get("AIOFRP_TOKEN", ""),
        "remote_port": arguments.port,
        **service,
    }
    if arguments.domain or arguments.subdomain:
        kind = "https" if service.get("plugin") == "https2http" else "http"
        options |= {"type": kind, "custom_domains": arguments.domain, "subdomain": arguments.subdomain}
    return options


def _service(arguments: argparse.Namespace) -> dict[str, Any]:
    target: str = arguments.target
    kind, _, rest = target.partition(":")
    if kind == "unix" and rest:
        service: dict[str, Any] = {"plugin": "unix_domain_socket", "unix_path": rest}
    elif kind == "https" and rest:
        address = rest if ":" in rest else f"127.0.0.1:{rest}"
        service = {"plugin": "https2http", "local_addr": address}
        service |= {"crt_path": arguments.cert or "", "key_path": arguments.key or ""}
    elif os.path.isdir(target):
        user, _, password = (arguments.password or "").partition(":")
        service = {
            "plugin": "static_file",
            "local_path": target,
            "http_user": user,
            "http_password": password,
        }
    else:
        service = {"target": _port(target)}
    _refuse_unused(arguments, service.get("plugin", ""))
    return service


def _port(target: str) -> int | str:
    if target.isascii() and target.isdigit():
        return int(target)
    if ":" not in target or "/" in target:
        raise ConfigError(
            f"what is {target}? Give a port, host:port, a folder that exists, unix:PATH or https:PORT"
        )
    return target


def _refuse_unused(arguments: argparse.Namespace, plugin: str) -> None:
    """Refuse flags that the target has no use for: who wrote ``--password`` expects that it is asked for."""
    if arguments.password and plugin != "static_file":
        raise ConfigError("--password is for folders")
    if (arguments.cert or arguments.key) and plugin != "https2http":
        raise ConfigError("--cert and --key are for https:")
    if bool(arguments.cert) is not bool(arguments.key):
        raise ConfigError("--cert and --key belong together")
